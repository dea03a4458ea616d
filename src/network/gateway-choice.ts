import type { EndpointRecord } from './endpoint-table.ts';

/**
 * Which of a container's endpoints is its way out, and carries its published ports: the highest priority, then the
 * first network name in order (Docker's rule). Endpoints of internal networks lead nowhere.
 */
export function chooseGateway<
  E extends Pick<EndpointRecord, 'gatewayPriority' | 'networkName' | 'ipv4' | 'ipv6' | 'isRoutedByDevice'>,
>(endpoints: readonly E[]): E | undefined {
  return endpoints
    .filter(
      ({ ipv4, ipv6, isRoutedByDevice }) =>
        isRoutedByDevice || ipv4?.gateway !== undefined || ipv6?.gateway !== undefined,
    )
    .toSorted(
      (a, b) =>
        b.gatewayPriority - a.gatewayPriority ||
        (a.networkName < b.networkName ? -1 : Number(a.networkName > b.networkName)),
    )[0];
}
