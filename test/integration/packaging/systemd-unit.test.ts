import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeDebianMachineTar } from '../../support/debian-image.ts';
import { cannotBootSystemd, SystemdMachine } from '../../support/systemd-machine.ts';
import { until as untilWithin } from '../../support/until.ts';

const MINUTES = 60_000;
/** A whole machine in a machine that has other things to do. */
const LIMIT_MS = 90_000;
/** Takes its time to end, and notes that it could. */
const ORDERLY =
  'trap "sleep 1; echo bye >> /notes/log; exit 0" TERM; echo up >> /notes/log; while :; do usleep 50000; done';
const TICKER = 'i=0; while :; do i=$((i+1)); echo line $i; usleep 20000; done';

function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  return untilWithin(what, isTrue, LIMIT_MS);
}

/** Of the unit, as systemd knows it. */
async function property(machine: SystemdMachine, name: string): Promise<string> {
  return machine.ok(`systemctl show -P ${name} quai`);
}

/** @throws {AssertionError} unless the lines are numbered from 1 without a gap. @returns their number */
async function wholeLog(machine: SystemdMachine, name: string): Promise<number> {
  const lines = (await machine.ok(`quai logs ${name}`)).split('\n');
  assert.deepEqual(
    lines,
    lines.map((_, index) => `line ${index + 1}`),
    'a line is missing or doubled',
  );
  return lines.length;
}

async function isGrowing(machine: SystemdMachine, name: string): Promise<void> {
  const before = await wholeLog(machine, name);
  await until('another line', async () => (await wholeLog(machine, name)) > before);
}

test('the systemd unit, installed as the README says, in a machine that systemd has booted', {
  skip: cannotBootSystemd(),
  timeout: 15 * MINUTES,
}, async t => {
  const tar = await makeDebianMachineTar();
  if (tar === undefined) {
    t.skip('Debian’s packages cannot be reached');
    return;
  }
  await using machine = await SystemdMachine.boot(tar);
  await machine.ok('ln -s /opt/quai/quai /usr/bin/quai');
  await machine.ok('install -m 644 /opt/quai/packaging/systemd/quai.service /etc/systemd/system/');
  await machine.ok('groupadd --system quai');

  await t.test('systemd finds nothing to complain about', async () => {
    const { code, stdout, stderr } = await machine.run('systemd-analyze verify quai.service');
    assert.deepEqual([code, `${stdout}${stderr}`], [0, '']);
  });

  await t.test('`systemctl enable --now` returns when the socket answers, for its group too', async () => {
    const { code, stdout, stderr } = await machine.run('systemctl enable --now quai && quai ps');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /CONTAINER ID/);
    assert.equal(await machine.ok('stat -c "%a %U %G" /run/quai.sock'), '660 root quai');
    const status = await machine.ok('systemctl status quai');
    assert.match(status, /Active: active \(running\)/);
    assert.match(status, /Main PID: \d+ \(quai\)/);
    assert.match(status, /Status: "Serving unix:\/\/\/run\/quai\.sock"/);
  });

  await t.test('the journal has readable lines with priorities', async () => {
    const lines = (await machine.ok('journalctl -u quai -o cat')).split('\n');
    assert.ok(lines.some(line => line.startsWith('the engine is ready hosts=["unix:///run/quai.sock"]')));
    assert.ok(!lines.some(line => /^[<{]/.test(line)), `raw lines in the journal: ${lines.join('\n')}`);
    const serious = await machine.ok('journalctl -u quai -o cat -p warning -q');
    assert.equal(serious, '', 'a clean start warns of nothing');
  });

  await machine.loadBusybox();
  await machine.ok(`quai run -d --name ticker --restart always --stop-timeout 2 busybox sh -c '${TICKER}'`);

  await t.test('`systemctl restart` leaves containers running, and their logs whole', async () => {
    const pid = await machine.ok('quai inspect -f "{{.State.Pid}}" ticker');
    await machine.ok('systemctl restart quai');
    assert.equal(await machine.ok('quai inspect -f "{{.State.Pid}}" ticker'), pid);
    await isGrowing(machine, 'ticker');
  });

  await t.test('`systemctl kill -s KILL`, which means all of the service, does too', async () => {
    const pid = await machine.ok('quai inspect -f "{{.State.Pid}}" ticker');
    const before = await property(machine, 'MainPID');
    await machine.ok('systemctl kill -s KILL quai');
    await until('systemd has started it again', async () => {
      const isActive = (await property(machine, 'ActiveState')) === 'active';
      return isActive && (await property(machine, 'MainPID')) !== before;
    });
    assert.equal(
      await machine.ok('quai inspect -f "{{.State.Pid}} {{.State.Running}}" ticker'),
      `${pid} true`,
    );
    await isGrowing(machine, 'ticker');
    const journal = await machine.ok('journalctl -u quai -o cat');
    assert.doesNotMatch(
      journal,
      /left-over process/,
      'nothing of a container is in the group of the service',
    );
  });

  await t.test('an engine that hangs is started anew', async () => {
    const before = await property(machine, 'MainPID');
    const folder = '/run/systemd/system/quai.service.d';
    await machine.ok(`mkdir -p ${folder} && printf '[Service]\\nWatchdogSec=10\\n' > ${folder}/test.conf`);
    await machine.ok(`systemctl daemon-reload && systemctl restart quai`);
    const hung = await property(machine, 'MainPID');
    assert.notEqual(hung, before);
    await new Promise(resolve => setTimeout(resolve, 12_000));
    assert.equal(await property(machine, 'MainPID'), hung, 'one that does not hang is left alone');
    await machine.ok(`kill -STOP ${hung}`);
    await until('another one serves', async () => {
      const isActive = (await property(machine, 'ActiveState')) === 'active';
      return isActive && (await property(machine, 'MainPID')) !== hung;
    });
    assert.match(await machine.ok('journalctl -u quai -o cat'), /[Ww]atchdog timeout/);
    await machine.ok(`rm -r ${folder} && systemctl daemon-reload && systemctl restart quai`);
    await isGrowing(machine, 'ticker');
  });

  await t.test('`systemctl stop` ends the engine only, and says so', async () => {
    await machine.ok('systemctl stop quai');
    assert.equal(await property(machine, 'Result'), 'success');
    const { code, stdout } = await machine.run('systemctl status quai');
    assert.equal(code, 3, 'not running');
    assert.match(stdout, /Status: "Stopped"/);
    assert.match(stdout, /status=0\/SUCCESS/);
    await machine.ok('pgrep -f usleep || pgrep -f "line"');
    await machine.ok('systemctl start quai');
    await isGrowing(machine, 'ticker');
  });

  await t.test('a wrong configuration is told by status and journal, and not tried again', async () => {
    await machine.ok('systemctl stop quai && mkdir -p /etc/quai');
    await machine.ok(`echo '{"log-level": "loud"}' > /etc/quai/daemon.json`);
    assert.equal((await machine.run('systemctl start quai')).code, 1);
    assert.equal(await property(machine, 'ActiveState'), 'failed');
    assert.equal(await property(machine, 'NRestarts'), '0');
    const { stdout } = await machine.run('systemctl status quai');
    assert.match(stdout, /Status: "Cannot start: .*log-level.*\/etc\/quai\/daemon\.json/);
    assert.match(stdout, /status=78/);
    assert.match(
      await machine.ok('journalctl -u quai -o cat -p err'),
      /^the engine cannot start error=.*log-level/m,
    );
    await machine.ok('rm /etc/quai/daemon.json && systemctl start quai');
    await isGrowing(machine, 'ticker');
  });

  await t.test('the unit of the hub: a user of its own without rights, and a folder that stays', async () => {
    const units = '/opt/quai/packaging/systemd/quai-hub.service';
    await machine.ok(`install -m 644 ${units} /etc/systemd/system/ && mkdir -p /etc/quai`);
    await machine.ok(`echo '{"listen": ["127.0.0.1:80"]}' > /etc/quai/hub.json`);
    const { code, stdout, stderr } = await machine.run('systemd-analyze verify quai-hub.service');
    assert.deepEqual([code, `${stdout}${stderr}`], [0, '']);
    await machine.ok('systemctl enable --now quai-hub');
    const status = await machine.ok('systemctl status quai-hub');
    assert.match(status, /Status: "Serving http:\/\/127\.0\.0\.1"/);
    const pid = await machine.ok('systemctl show -P MainPID quai-hub');
    const user = Number(await machine.ok(`stat -c %u /proc/${pid}`));
    assert.ok(user >= 61_184 && user <= 65_519, `a user of systemd's making, not ${user}`);
    assert.equal(await machine.ok(`cat /proc/${pid}/comm`), 'quai-hub');
    const asks = `fetch('http://127.0.0.1/v2/').then(answer => console.log(answer.status))`;
    assert.match(await machine.ok(`/opt/quai/node_modules/.bin/node -e "${asks}"`), /^(?:200|401)$/);
    const setupCode = await machine.ok('cat /var/lib/quai-hub/setup-code');
    await machine.ok('systemctl reload quai-hub && systemctl restart quai-hub');
    assert.equal(await machine.ok('cat /var/lib/quai-hub/setup-code'), setupCode, 'the folder is the same');
    await machine.ok(`echo '{"listen": ["0.0.0.0:80"]}' > /etc/quai/hub.json`);
    assert.equal((await machine.run('systemctl restart quai-hub')).code, 1);
    assert.match(await machine.ok('journalctl -u quai-hub -o cat -p err'), /without TLS: give --tls-cert/);
    assert.equal(await machine.ok('systemctl show -P NRestarts quai-hub'), '0', 'that is not tried again');
    await machine.ok('systemctl disable quai-hub && rm /etc/quai/hub.json');
  });

  await t.test(
    'a machine that goes down lets containers end, and has them back when it is up again',
    async () => {
      const notes = 'cat /var/lib/quai/volumes/notes/_data/log';
      const policies = ['-d', '--restart', 'unless-stopped', '-v', 'notes:/notes'].join(' ');
      await machine.ok(`quai run --name orderly ${policies} busybox sh -c '${ORDERLY}'`);
      await machine.ok(
        `quai run --name once -d busybox sh -c 'trap "exit 7" TERM; while :; do usleep 50000; done'`,
      );
      await until('it runs', async () => (await machine.run(notes)).stdout === 'up\n');
      await machine.reboot();
      await until('the service', async () => (await property(machine, 'ActiveState')) === 'active');
      await until('they run', async () => {
        const running = await machine.ok('quai ps --format "{{.Names}}"');
        return running.split('\n').sort().join(' ') === 'orderly ticker';
      });
      await until('the second life', async () => (await machine.ok(notes)) === 'up\nbye\nup');
      assert.equal(await machine.ok('quai inspect -f "{{.State.ExitCode}}" once'), '7');
      await machine.ok('quai rm -f ticker orderly once && systemctl stop quai');
      assert.equal(
        await machine.ok('find /sys/fs/cgroup -name supervisors'),
        '',
        'their group goes with the last',
      );
    },
  );
});
