import { formatTable } from '../report.ts';
import type { Distribution } from './distribution.ts';
import type { RevocationFigures, Revocations } from './measure.ts';

export function formatRevocations(figures: RevocationFigures): string {
  const { sessions, revocations, oneByOne, together } = figures;
  const head = `${revocations} certificates of ${sessions} connected devices`;
  return [
    table(`revocation: ${head}, one after the other, ${oneByOne.crls} CRLs`, oneByOne),
    table(`revocation: ${head}, at once, ${together.crls} CRLs`, together),
  ].join('\n');
}

function table(title: string, { platform, outside }: Revocations): string {
  const seen = Object.entries(outside).map(([name, times]) => row(titles[name] ?? name, times));
  const own = Object.entries(platform).map(([name, times]) => row(name, times));
  return formatTable(title, ['ms since the call', 'p50', 'p95', 'max'], [...own.slice(1), ...seen]);
}

const titles: Readonly<Record<string, string>> = {
  connectionClosed: 'device sees its end',
  ocspRevoked: 'OCSP told revoked',
  answered: 'operator answered',
  crlServed: 'CRL fetched with it',
};

function row(name: string, { p50, p95, max }: Distribution): readonly string[] {
  return [name, ...[p50, p95, max].map((value) => value.toFixed(1))];
}
