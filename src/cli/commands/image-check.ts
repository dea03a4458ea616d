import { at, flagAt, type Json, listAt, numberAt, textAt, textsAt } from '#client/json';
import { command } from '../command.ts';
import { humanSize } from '../format/human.ts';

export const check = command({
  usage: 'image check [OPTIONS]',
  summary: 'Check that everything kept of images is there and undamaged',
  flags: {
    format: { type: 'string', help: "'json' for the whole report" },
    mend: { type: 'bool', help: 'Remove what is damaged or left over, so that a pull brings it again' },
  },
  args: { min: 0, max: 0 },
  async run({ client, print }, { flags: { format, mend } }) {
    const query = { mend: mend || undefined };
    const report = await client.call('POST', '/quai/images/check', { query });
    const findings = listAt(report, 'Findings');
    if (format === 'json') print(JSON.stringify(report));
    else {
      for (const finding of findings) print(findingLine(finding));
      const counts = `${counted(report, 'Images', 'image')}, ${counted(report, 'Blobs', 'blob')}`;
      print(`Checked ${counts}, ${humanSize(numberAt(report, 'Bytes'))}: ${verdict(findings)}`);
    }
    return findings.every(one => flagAt(one, 'Mended')) ? 0 : 1;
  },
});

function counted(report: Json, field: string, what: string): string {
  const count = numberAt(report, field);
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function findingLine(finding: Json): string {
  const images = textsAt(finding, 'Images');
  const end =
    at(finding, 'Mended') === undefined ? '' : flagAt(finding, 'Mended') ? ' (mended)' : ' (not mended)';
  return [
    `${textAt(finding, 'Kind')} ${textAt(finding, 'Digest')}`,
    images.length > 0 ? ` of ${images.join(', ')}` : '',
    `: ${textAt(finding, 'Detail')}${end}`,
  ].join('');
}

function verdict(findings: readonly Json[]): string {
  const mended = findings.filter(one => flagAt(one, 'Mended')).length;
  if (findings.length === 0) return 'nothing is wrong';
  if (mended > 0) return `${findings.length} found, ${mended} mended`;
  return `${findings.length} found; quai image check --mend mends what can be`;
}
