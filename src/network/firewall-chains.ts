/** Whose input rules judge what comes from outside to a published port. */
export type FirewallMode = 'quai' | 'host';

export interface ChainOptions {
  readonly mode: FirewallMode;
  /** number that our bridges bear as links */
  readonly bridgeGroup: number;
  /**
   * Kernels before 5.19 can ask for the way back to a source only where packets come in, which takes a chain of its own
   * that every packet passes; others ask in chains that are there anyway.
   */
  readonly originChain: 'own' | 'shared';
}

/**
 * Every packet passes some of this, and pays for each chain at a hook and each look-up. So there is none but one per packet at
 * most, of two for packets from containers; what most packets need comes first; what can be decided when a connection begins is
 * decided then, in the chains that rewrite, which see only first packets; and those of one family do not walk past the rules of
 * the other.
 *
 * - origin: a container sends as itself (home), or as what the host would reach through it (a router in a container). Whether
 *   a packet comes from a bridge of ours shows in the group of the link, for a quarter of what a look-up costs or its kind; by
 *   kind it is asked when a connection begins, should somebody have changed the group. What is plugged in is at home, told by
 *   numbers, which costs half of a look-up by name.
 * - prerouting: nobody reaches the host's loopback from outside by what is published there (we allow routing to it on our
 *   bridges, which answers to 127.0.0.1 need: CVE-2020-8558); input has the same for what is not published.
 * - publish: destination rewriting. ::1 cannot be routed, so the engine forwards it. Where the host's own firewall is
 *   to decide, what comes from outside is not rewritten: it goes to the engine's socket, past the host's input rules.
 * - shut: from an internal network nobody opens anything towards the host; neighbours must still find each other.
 * - forward: a connection that was rewritten passed the rules below when it began: it is confirmed after all hooks. Others are
 *   looked at with every packet, so that what somebody opened while our rules were away does not count.
 * - rewritten: first packets to what was published; of internal networks, nothing but within them.
 * - entrance: nobody reaches a container at its own address but through its bridge or from the host, unless its network is
 *   routed, unprotected, or trusts the interface.
 * - inward: into a bridge go answers and what was published; the rest of the world is kept out.
 * - postrouting: what leaves carries the host's address. So does what turns round on its bridge after rewriting,
 *   else the answer would go straight back and not be recognised.
 */
export function renderChains({ mode, originChain, bridgeGroup }: ChainOptions): string {
  if (originChain === 'own') return `${GUARD}${CHAINS}${judging('')}${prerouting(mode, '')}`;
  const ask = `meta iifgroup ${bridgeGroup} jump origin`;
  return `${CHAINS}${judging(ask)}${prerouting(mode, ASK_BY_KIND)}`;
}

const ASK_BY_KIND = 'meta iifkind "bridge" jump origin';

/** Before connection tracking. */
const GUARD = `
  chain guard {
    type filter hook prerouting priority raw; policy accept;
    ${ASK_BY_KIND}
  }`;

const CHAINS = `
  chain origin {
    iif . ip saddr @plugged4 return
    ip saddr . iifname @home4 return
    iif . ip6 saddr @plugged6 return
    ip6 saddr . iifname @home6 return
    iifname != @bridges return
    ip saddr 0.0.0.0 return
    ip6 saddr { ::, fe80::/10 } return
    fib saddr . iif oif missing drop
  }
  chain publish {
    meta nfproto ipv6 goto publish6
    fib daddr type local dnat ip to meta l4proto . th dport map @publish4_any
    dnat ip to ip daddr . meta l4proto . th dport map @publish4
  }
  chain publish6 {
    ip6 daddr ::1 return
    fib daddr type local dnat ip6 to meta l4proto . th dport map @publish6_any
    dnat ip6 to ip6 daddr . meta l4proto . th dport map @publish6
  }
  chain output {
    type nat hook output priority -100; policy accept;
    goto publish
  }
  chain loopback {
    ct status snat ct state established,related accept
    drop
  }
  chain shut {
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    drop
  }
  chain rewritten {
    oifname @internal jump within
    iifname @internal jump within
    accept
  }
  chain within {
    iifname . oifname @intra return
    drop
  }
  chain entrance4 {
    ip daddr . iifname @home4 return
    ip daddr @routed4 return
    ip daddr @unprotected4 return
    ip daddr . iifname @trusted4 return
    drop
  }
  chain entrance6 {
    ip6 daddr . iifname @home6 return
    ip6 daddr @routed6 return
    ip6 daddr @unprotected6 return
    ip6 daddr . iifname @trusted6 return
    drop
  }
  chain inward {
    ip daddr . meta l4proto . th dport @open4 accept
    ip6 daddr . meta l4proto . th dport @open6 accept
    ip daddr @unprotected4 accept
    ip6 daddr @unprotected6 accept
    ip daddr @routed4 icmp type echo-request accept
    ip6 daddr @routed6 icmpv6 type echo-request accept
    drop
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    meta nfproto ipv6 goto postrouting6
    ip saddr @containers4 jump outward4
    ip saddr 127.0.0.0/8 oifname @bridges masquerade
    ip saddr @masquerade4 goto leaving4
  }
  chain outward4 {
    ip saddr . oifname @home4 ct status dnat masquerade
    ip saddr . oifname @home4 accept
    ip saddr @routed4 accept
    oifname @bridges masquerade
  }
  chain leaving4 {
    snat ip to ip saddr map @source4
    masquerade
  }
  chain postrouting6 {
    ip6 saddr @containers6 jump outward6
    ip6 saddr @masquerade6 goto leaving6
  }
  chain outward6 {
    ip6 saddr . oifname @home6 ct status dnat masquerade
    ip6 saddr . oifname @home6 accept
    ip6 saddr @routed6 accept
    oifname @bridges masquerade
  }
  chain leaving6 {
    snat ip6 to ip6 saddr map @source6
    masquerade
  }`;

function judging(askOrigin: string): string {
  return `
  chain input {
    type filter hook input priority filter; policy accept;
    ${askOrigin}
    ct status & (confirmed|dnat) == confirmed|dnat accept
    iif "lo" accept
    ip daddr 127.0.0.0/8 goto loopback
    ct state established,related accept
    iifname @internal jump shut
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    ${askOrigin}
    ct status & (confirmed|dnat) == confirmed|dnat accept
    ct status dnat goto rewritten
    ct status snat ct state established,related accept
    ip daddr @containers4 jump entrance4
    ip6 daddr @containers6 jump entrance6
    ct state established,related accept
    iifname . oifname @intra accept
    iifname @internal drop
    oifname @internal drop
    oifname @bridges jump inward
  }`;
}

function prerouting(mode: FirewallMode, askOrigin: string): string {
  return `
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    ip daddr 127.0.0.0/8 iif != "lo" drop
    ip saddr 127.0.0.0/8 iif != "lo" drop
    ${askOrigin}
    ${mode === 'host' ? 'iifname != @bridges return' : ''}
    goto publish
  }`;
}
