/** Source of a policy, for checkpolicy(8), that knows labels of containers and their categories, and forbids nothing. */
export function containerPolicy(): string {
  const classes: Readonly<Record<string, string>> = {
    security: 'compute_av load_policy',
    process: 'fork transition dyntransition',
    system: 'ipc_info',
    capability: 'chown',
    filesystem: 'mount associate relabelfrom relabelto',
    file: 'read write relabelfrom relabelto',
    dir: 'read search',
    fd: 'use',
    lnk_file: 'read',
    chr_file: 'read',
    blk_file: 'read',
    sock_file: 'read',
    fifo_file: 'read',
  };
  const sids = ['kernel', 'security', 'unlabeled', 'file', 'port', 'netif', 'netmsg', 'node', 'devnull'];
  const context = (name: string): string =>
    name === 'kernel' || name === 'security' ? 'system_u:system_r:base_t:s0' : 'system_u:object_r:base_t:s0';
  return `${[
    ...Object.keys(classes).map(name => `class ${name}`),
    ...sids.map(name => `sid ${name}`),
    ...Object.entries(classes).map(([name, permissions]) => `class ${name} { ${permissions} }`),
    'sensitivity s0;',
    'dominance { s0 }',
    ...Array.from({ length: 1024 }, (_, index) => `category c${index};`),
    'level s0:c0.c1023;',
    'mlsconstrain file { read } ( l1 dom l2 );',
    'type base_t;',
    'type container_file_t;',
    'role system_r;',
    'role system_r types base_t;',
    'allow base_t base_t:file { read };',
    'user system_u roles { system_r } level s0 range s0 - s0:c0.c1023;',
    ...sids.map(name => `sid ${name} ${context(name)}`),
    'fs_use_xattr ext4 system_u:object_r:base_t:s0;',
    ...['proc', 'selinuxfs', 'sysfs'].map(name => `genfscon ${name} / system_u:object_r:base_t:s0`),
  ].join('\n')}\n`;
}
