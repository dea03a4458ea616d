import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileTemplate } from './go-template.ts';
import { absentField } from './template-values.ts';

const value = {
  Id: '0123456789abcdef',
  Name: '/web',
  Size: 1048576,
  State: { Running: true, ExitCode: 0, Health: null },
  Config: { Cmd: ['sleep', '10'], Env: null, Labels: { tier: 'db', 'com.example.a': 'x' }, Entrypoint: null },
  Ports: { '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '8080' }], '443/tcp': null },
  Mounts: [
    { Type: 'bind', To: '/a' },
    { Type: 'volume', To: '/b' },
  ],
  Big: 9223372036854771712n,
  Label: (name: unknown): string => `label:${String(name)}`,
};

for (const [template, expected] of [
  // text, fields, printing
  ['plain', 'plain'],
  ['{{.Name}}', '/web'],
  ['{{ .State.ExitCode }}:{{.State.Running}}', '0:true'],
  ['{{.Size}} {{.Big}}', '1048576 9223372036854771712'],
  ['{{.Config.Cmd}} {{.Config.Labels}}', '[sleep 10] map[com.example.a:x tier:db]'],
  ['{{.Config.Env}} {{.Config.Entrypoint}} {{.State.Health}}', '[] [] <nil>'],
  // what engines leave out when it is empty
  ['{{.Config.Volumes}}{{.Config.OnBuild}}[{{.Config.User}}]{{.Config.Healthcheck}}', 'map[][][]<nil>'],
  ['{{json .Config.Shell}} {{if .State.Nope}}{{else}}{{len .Config.Volumes}}{{end}}', 'null 0'],
  ['{{.Config.Labels.tier}} {{.Config.Labels.nope}}', 'db <no value>'],
  // trimming and comments
  ['a {{- " b " -}} c', 'a b c'],
  ['a{{/* nothing */}}b', 'ab'],
  ['{{"}}"}}', '}}'],
  // json
  ['{{json .Config.Cmd}} {{json .State}}', '["sleep","10"] {"Running":true,"ExitCode":0,"Health":null}'],
  ['{{json .Config.Env}} {{json .Big}} {{json "<&>"}}', 'null 9223372036854771712 "<&>"'],
  ['{{.Config.Cmd | json}}', '["sleep","10"]'],
  // conditions
  ['{{if .State.Running}}up{{else}}down{{end}}', 'up'],
  ['{{if .State.Health}}h{{else if eq .Name "/web"}}w{{else}}x{{end}}', 'w'],
  ['{{if .Config.Env}}e{{end}}{{if not .State.ExitCode}}zero{{end}}', 'zero'],
  ['{{with .Config.Labels}}{{.tier}}{{end}}{{with .State.Health}}x{{else}}none{{end}}', 'dbnone'],
  ['{{if .State.Nope}}x{{else}}absent{{end}}', 'absent'],
  ['{{and true .Name}} {{or "" .Name}} {{and 0 1}} {{or 0 ""}}|', '/web /web 0 |'],
  [
    '{{eq 1 2 1}} {{ne "a" "b"}} {{lt 1 2}} {{ge "b" "a"}} {{le 2 2}} {{gt 1 2}}',
    'true true true true true false',
  ],
  // loops and variables
  ['{{range .Mounts}}{{.Type}}={{.To}};{{end}}', 'bind=/a;volume=/b;'],
  ['{{range $i, $m := .Mounts}}{{$i}}{{$m.To}} {{$.Name}} {{end}}', '0/a /web 1/b /web '],
  ['{{range $k, $v := .Config.Labels}}{{$k}}={{$v}} {{end}}', 'com.example.a=x tier=db '],
  ['{{range .Config.Env}}x{{else}}empty{{end}}', 'empty'],
  ['{{range $i, $m := .Mounts}}{{if $i}}, {{end}}{{.To}}{{end}}', '/a, /b'],
  ['{{range .Mounts}}{{if eq .To "/b"}}{{break}}{{end}}{{.To}}{{end}}', '/a'],
  ['{{range .Mounts}}{{if eq .To "/a"}}{{continue}}{{end}}{{.To}}{{end}}', '/b'],
  ['{{$x := .Name}}{{$x = upper $x}}{{$x}}', '/WEB'],
  ['{{$n := 0}}{{range .Mounts}}{{$n = .To}}{{end}}{{$n}}', '/b'],
  [
    '{{range $p, $b := .Ports}}{{$p}}{{with $b}}{{(index . 0).HostPort}}{{end}} {{end}}',
    '443/tcp 80/tcp8080 ',
  ],
  // functions
  ['{{(index (index .Ports "80/tcp") 0).HostPort}}', '8080'],
  ['{{index .Config.Labels "com.example.a"}}{{index .Config.Labels "nope"}}{{index .Config.Cmd 1}}', 'x10'],
  ['{{index .Ports "80/tcp" 0 "HostPort"}}', '8080'],
  ['{{len .Config.Cmd}} {{len .Name}} {{len .Config.Labels}} {{len .Config.Env}}', '2 4 2 0'],
  ['{{slice .Id 0 4}} {{slice .Config.Cmd 1}}', '0123 [10]'],
  ['{{join .Config.Cmd ","}} {{split "a-b" "-"}} {{join (split "a-b" "-") "+"}}', 'sleep,10 [a b] a+b'],
  [
    '{{lower "AB"}} {{upper "ab"}} {{title "hello world"}} {{truncate .Id 3}} [{{pad "x" 1 2}}]',
    'ab AB Hello World 012 [ x  ]',
  ],
  [
    '{{printf "%s-%d-%q-%v-%5s|%-5s|%05d|%t|%.1f|%x%%" "a" 7 "q" .Config.Cmd "r" "l" 42 true 1.26 255}}',
    'a-7-"q"-[sleep 10]-    r|l    |00042|true|1.3|ff%',
  ],
  ['{{print 1 2 "a" "b" 3}}|{{println "x" 1}}', '1 2ab3|x 1\n'],
  ['{{.Name | printf "%s!" | upper}}', '/WEB!'],
  ['{{.Label "a.b"}} {{"z" | .Label}}', 'label:a.b label:z'],
  ['{{`raw "\\n"`}} {{"tab\\tq\\"\\u00e9"}}', 'raw "\\n" tab\tq"é'],
] as const) {
  test(`${template} gives ${JSON.stringify(expected)}`, () => {
    assert.equal(compileTemplate(template, { absent: absentField }).render(value), expected);
  });
}

for (const [template, message] of [
  ['{{', 'unclosed action'],
  ['{{}}', 'missing value for command'],
  ['{{if .Name}}x', 'unexpected EOF: {{end}} is missing'],
  ['x{{end}}', 'unexpected {{end}}'],
  ['{{else}}', 'unexpected {{else}}'],
  ['{{(len .Name}}', 'unclosed left paren'],
  ['{{.Name ? }}', 'unexpected "?" in {{.Name ?}}'],
  ['{{template "x"}}', '{{template}} is not supported'],
  ['{{.Name |}}', 'missing value for command'],
  ['{{1x}}', 'bad number syntax: "1x"'],
] as const) {
  test(`${template} is refused`, () => {
    assert.throws(() => compileTemplate(template), { name: 'TemplateError', message });
  });
}

test('an address that only networks have by now is told where it is', () => {
  assert.throws(
    () => compileTemplate('{{.NetworkSettings.IPAddress}}').render({ NetworkSettings: { Networks: {} } }),
    {
      message:
        /; each network has its own: \{\{range \.NetworkSettings\.Networks\}\}\{\{\.IPAddress\}\}\{\{end\}\}$/,
    },
  );
});

for (const [template, message] of [
  ['{{.Stat}}', /^map has no entry for key "Stat"; there are Id, Name, /],
  ['{{.Stat.Running}}', /^map has no entry for key "Stat"/],
  ['{{.State.Health.Status}}', /^nil data; no entry for key "Status"$/],
  ['{{.Name.First}}', /^can't evaluate field First in a string$/],
  ['{{nope .Name}}', /^function "nope" not defined$/],
  ['{{.Name "x"}}', /^Name has arguments but cannot be invoked as function$/],
  ['{{"a" "b"}}', /^can't give argument to non-function$/],
  ['{{$x}}', /^undefined variable "\$x"$/],
  ['{{index .Config.Cmd 5}}', /index out of range: 5$/],
  ['{{index .Config.Env 0}}', /index out of range: 0$/],
  ['{{index .Config.Cmd "x"}}', /cannot index a list with a string$/],
  ['{{lt 1 "a"}}', /^incompatible types for comparison$/],
  ['{{range .Name}}{{end}}', /^range can't iterate over \/web$/],
  ['{{json}}', /^wrong number of args for json: want 1 got 0; everything is \{\{json \.\}\}$/],
  ['{{json .Name .Id}}', /^wrong number of args for json: want 1 got 2$/],
  ['{{len}}', /^wrong number of args for len: want 1 got 0$/],
  ['{{.Name | pad 2}}', /^wrong number of args for pad: want 3 got 2$/],
  ['{{if or}}{{end}}', /^wrong number of args for or: want at least 1 got 0$/],
  ['{{len 5}}', /^len of type number$/],
  ['{{constructor}}', /^function "constructor" not defined$/],
  ['{{.Cmd}}', /^map has no entry for key "Cmd"/],
  ['{{.constructor.name}}', /^map has no entry for key "constructor"/],
] as const) {
  test(`${template} fails: ${message.source}`, () => {
    assert.throws(() => compileTemplate(template).render(value), { message });
  });
}
