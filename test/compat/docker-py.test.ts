import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { runProgram } from '../support/programs.ts';
import { compatEngine, skip } from './compat-engine.ts';

const engine = compatEngine();

/** The library is a Debian package: `apt-get install python3-docker`. */
const skipPython =
  skip ||
  (spawnSync('python3', ['-c', 'import docker']).status === 0
    ? false
    : 'no docker-py (apt-get install python3-docker)');

/** Runs a program in which `client` is docker-py's client of the engine; gives its output. */
async function python(program: string): Promise<string> {
  const opening = `import docker, io, json\nclient = docker.DockerClient(base_url='unix://${engine.daemon.socketPath}', timeout=20)\n`;
  const { code, stdout, stderr } = await runProgram('python3', ['-W', 'ignore', '-c', opening + program]);
  assert.equal(code, 0, stderr);
  return stdout;
}

test('docker-py: ping, version, containers.run with output, status and errors (S003, S007)', {
  skip: skipPython,
}, async () => {
  const output = await python(`
print(client.ping(), client.version()['ApiVersion'] >= '1.24')
print(client.containers.run('busybox', ['echo', 'hello'], remove=True).decode(), end='')
try:
    client.containers.run('busybox', ['sh', '-c', 'echo bad >&2; exit 3'], remove=True)
except docker.errors.ContainerError as error:
    print(error.exit_status, error.stderr)
try:
    client.containers.get('nosuch')
except docker.errors.NotFound as error:
    print(error.explanation)
`);
  assert.equal(output, "True True\nhello\n3 b'bad\\n'\nNo such container: nosuch\n");
});

test("docker-py: a container's life, logs, exec, stats of processes, events (S008)", {
  skip: skipPython,
}, async () => {
  const output = await python(`
events = client.events(decode=True, filters={'event': 'die'})
container = client.containers.run('busybox', ['sh', '-c', 'echo first; sleep 100'], detach=True, name='py', labels={'a': 'b'}, environment={'X': '1'})
result = container.exec_run(['sh', '-c', 'echo $X; echo err >&2; exit 6'], demux=True)
print(result.exit_code, result.output)
for line in container.logs(stream=True, follow=True):
    print(line)
    break
print([c.name for c in client.containers.list(filters={'label': 'a=b'})], container.top()['Processes'] != [])
container.pause(); container.reload(); print(container.status); container.unpause()
container.rename('python')
container.kill()
print(container.wait()['StatusCode'])
print(next(events)['Actor']['Attributes']['exitCode'])
container.remove(v=True)
`);
  assert.equal(output, "6 (b'1\\n', b'err\\n')\nb'first\\n'\n['py'] True\npaused\n137\n137\n");
});

test('docker-py: attach socket, volumes, networks, ports and images (S008)', {
  skip: skipPython,
}, async () => {
  const output = await python(`
volume = client.volumes.create('py-data')
container = client.containers.create('busybox', 'cat', stdin_open=True, tty=True, volumes={'py-data': {'bind': '/data', 'mode': 'rw'}}, ports={'80/tcp': None})
socket = container.attach_socket(params={'stdin': 1, 'stdout': 1, 'stream': 1})
container.start()
socket._sock.send(b'typed\\n')
got = b''
while b'typed' not in got:
    got += socket._sock.recv(100)
container.reload()
print(container.ports['80/tcp'][0]['HostPort'].isdigit(), container.attrs['Mounts'][0]['Name'])
container.remove(force=True)
volume.remove()
network = client.networks.create('py-net')
print(network.name); network.remove()
image = client.images.get('busybox')
image.tag('py/busybox', tag='1')
print(client.images.get('py/busybox:1').id == image.id)
client.images.remove('py/busybox:1')
print(isinstance(client.df(), dict), client.info()['OSType'])
`);
  assert.equal(output, 'True py-data\npy-net\nTrue\nTrue linux\n');
});

test('docker-py: each line of a log comes by itself, as Docker sends it', { skip: skipPython }, async () => {
  const output = await python(`
lines = client.containers.run('busybox', ['sh', '-c', 'echo hello; echo world'], stream=True)
print(list(lines))
`);
  assert.equal(output, "[b'hello\\n', b'world\\n']\n");
});

test('docker-py: archives, diff, export, commit, statistics, update', { skip: skipPython }, async () => {
  const output = await python(`
import tarfile
container = client.containers.run('busybox', ['sleep', '1000'], detach=True, name='files', mem_limit='100m')
archive = io.BytesIO()
with tarfile.open(fileobj=archive, mode='w') as tar:
    info = tarfile.TarInfo('note'); info.size = 5
    tar.addfile(info, io.BytesIO(b'hello'))
print(container.put_archive('/tmp', archive.getvalue()), container.exec_run(['cat', '/tmp/note']).output)
chunks, stat = container.get_archive('/tmp/note')
with tarfile.open(fileobj=io.BytesIO(b''.join(chunks))) as tar:
    print(stat['name'], stat['size'], tar.getnames(), tar.extractfile('note').read())
try:
    container.get_archive('/nope')
except docker.errors.NotFound as error:
    print(error.explanation.startswith('Could not find the file /nope'))
print(container.diff())
with tarfile.open(fileobj=io.BytesIO(b''.join(container.export()))) as tar:
    print('tmp/note' in tar.getnames())
image = container.commit('py/committed', 'v1', message='a message', author='Ann', changes='CMD cat /tmp/note')
print(image.tags, image.history()[0]['Comment'], client.containers.run(image.id, remove=True))
stats = container.stats(stream=False)
print(stats['memory_stats']['limit'] == 100 * 2**20, stats['precpu_stats']['system_cpu_usage'] > 0)
print(next(container.stats(decode=True))['name'])
print(container.update(mem_limit='64m', memswap_limit='128m'), container.stats(stream=False)['memory_stats']['limit'] == 64 * 2**20)
container.remove(force=True)
client.images.remove(image.id)
`);
  assert.equal(
    output,
    [
      "True b'hello'",
      "note 5 ['note'] b'hello'",
      'True',
      "[{'Path': '/tmp', 'Kind': 0}, {'Path': '/tmp/note', 'Kind': 1}]",
      'True',
      "['py/committed:v1'] a message b'hello'",
      'True True',
      '/files',
      "{'Warnings': []} True",
      '',
    ].join('\n'),
  );
});
