/** Where devices report metrics of themselves, by the form of the report and of its answer. */
export const deviceMetricsFilters = (['json', 'cbor'] as const).map((form) => ({
  form,
  filter: `$aws/things/+/defender/metrics/${form}`,
}));
