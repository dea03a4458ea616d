import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Row } from './row.ts';
import { type Listing, renderRows } from './row-writer.ts';

const listing: Listing = {
  headers: { ID: 'CONTAINER ID', Names: 'NAMES', Ports: 'PORTS', Labels: 'LABELS' },
  columns: ['ID', 'Ports', 'Names'],
  quietField: 'ID',
};
const rows: Row[] = [
  { ID: '0123456789ab', Names: 'web', Ports: '', Labels: 'a=b', Label: name => `<${String(name)}>` },
  {
    ID: 'cdef01234567',
    Names: 'data\tba\x1b[2Jse',
    Ports: '0.0.0.0:80->80/tcp',
    Labels: '',
    Label: () => '',
  },
];

async function render(format: string, quiet = false, list = rows): Promise<string> {
  return renderRows(list, listing, { format, quiet });
}

test('the table has columns of at least ten, three spaces apart, and no control characters from outside', async () => {
  assert.equal(
    await render(''),
    [
      'CONTAINER ID   PORTS                NAMES',
      '0123456789ab                        web',
      'cdef01234567   0.0.0.0:80->80/tcp   data ba [2Jse',
      '',
    ].join('\n'),
  );
  assert.equal(await render('table', false, []), 'CONTAINER ID   PORTS     NAMES\n');
});

test('quiet shows one field alone', async () => {
  assert.equal(await render('', true), '0123456789ab\ncdef01234567\n');
});

test('json is one object a line, fields in order, without what takes arguments', async () => {
  assert.deepEqual((await render('json', false, rows.slice(0, 1))).split('\n'), [
    '{"ID":"0123456789ab","Labels":"a=b","Names":"web","Ports":""}',
    '',
  ]);
});

test('a template is rendered once per row; \\t and \\n may be written out', async () => {
  assert.equal(await render('{{.Names}}\\t{{.ID}}'), 'web\t0123456789ab\ndata\tba\x1b[2Jse\tcdef01234567\n');
  assert.equal(await render('{{.ID}}\\n-', false, rows.slice(0, 1)), '0123456789ab\n-\n');
});

test('table TEMPLATE has headers and aligned columns', async () => {
  assert.equal(
    await render(
      'table {{.Names}}\t{{upper .ID}}\t{{.Label "com.example.my-tier"}}',
      false,
      rows.slice(0, 1),
    ),
    'NAMES     CONTAINER ID   my tier\nweb       0123456789AB   <com.example.my-tier>\n',
  );
});

test('an unknown field is an error, rows or not', async () => {
  for (const format of ['{{.Nope}}', 'table {{.Nope}}', '{{nope .ID}}']) {
    await assert.rejects(render(format, false, []), { name: 'UnknownNameError' }, format);
  }
});
