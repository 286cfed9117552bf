/** Where the platform tells of certificates of a vendor CA that it has registered and that wait for an operator. */
export function registeredTopic(caCertificateId: string): string {
  return `$aws/events/certificates/registered/${caCertificateId}`;
}
