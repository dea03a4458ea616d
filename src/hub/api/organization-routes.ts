import * as v from 'valibot';
import { reply } from '#http/reply';
import type { Route } from '#http/route';
import { accountNotFound, organizationNotFound, teamNotFound } from '../errors.ts';
import type { Team } from '../hub-records.ts';
import type { Viewer } from '../hub-services.ts';
import { type ApiDeps, apiRoute } from './api-route.ts';
import { wireAccount, wireId, wireOrganization, wireTeam } from './api-wire.ts';

const NewOrganization = v.object({ orgname: v.string(), full_name: v.nullish(v.string()) });
/** Docker Hub's editors are what members are here: rights in repositories come from teams. */
const Role = v.object({
  role: v.pipe(v.string(), v.toLowerCase(), v.picklist(['owner', 'editor', 'member'])),
});
const NewTeam = v.object({ name: v.string(), description: v.nullish(v.string()) });
const TeamMember = v.object({ member: v.string() });

/** Accounts as others see them, organizations with their members, and teams, which Docker Hub's API calls groups. */
export function organizationRoutes(deps: ApiDeps): Route[] {
  const { accounts, organizations } = deps.services;
  return [
    ...apiRoute(deps, ['GET', '/v2/users/{name}'], {}, ({ param }) => {
      const account = accounts.find(param('name'));
      if (account) return reply.json(wireAccount(account));
      const organization = organizations.find(param('name'));
      if (!organization) throw accountNotFound(param('name').slice(0, 50));
      return reply.json({ ...wireOrganization(organization), username: organization.name });
    }),
    ...apiRoute(deps, ['GET', '/v2/user/orgs'], {}, ({ viewer }) =>
      reply.json(whole(organizations.mine(viewer).map(wireOrganization))),
    ),
    ...apiRoute(deps, ['POST', '/v2/orgs'], { body: NewOrganization }, ({ viewer, body }) => {
      const input = { name: body.orgname, fullName: body.full_name ?? '' };
      return reply.created(wireOrganization(organizations.create(viewer, input)));
    }),
    ...apiRoute(deps, ['GET', '/v2/orgs/{org}'], {}, ({ param }) => {
      const organization = organizations.find(param('org'));
      if (!organization) throw organizationNotFound(param('org').slice(0, 50));
      return reply.json(wireOrganization(organization));
    }),
    ...apiRoute(deps, ['DELETE', '/v2/orgs/{org}'], {}, ({ viewer, param }) => {
      organizations.remove(viewer, param('org'));
      return reply.noContent();
    }),
    ...memberRoutes(deps),
    ...teamRoutes(deps),
  ];
}

function memberRoutes(deps: ApiDeps): Route[] {
  const { accounts, organizations } = deps.services;
  return [
    ...apiRoute(deps, ['GET', '/v2/orgs/{org}/members'], {}, ({ viewer, param }) => {
      const teams = organizations.teams(viewer, param('org'));
      const members = organizations.members(viewer, param('org')).map(({ account, role }) => ({
        id: wireId(account),
        username: account,
        full_name: accounts.find(account)?.fullName ?? '',
        role: role === 'owner' ? 'Owner' : 'Member',
        groups: teams.filter(team => team.members.includes(account)).map(({ name }) => name),
        is_guest: false,
        type: 'User',
      }));
      return reply.json(whole(members));
    }),
    ...apiRoute(deps, ['PUT', '/v2/orgs/{org}/members/{name}'], { body: Role }, ({ viewer, param, body }) => {
      const role = body.role === 'owner' ? 'owner' : 'member';
      organizations.setMember(viewer, param('org'), param('name'), role);
      return reply.json({ username: param('name'), role: role === 'owner' ? 'Owner' : 'Member' });
    }),
    ...apiRoute(deps, ['DELETE', '/v2/orgs/{org}/members/{name}'], {}, ({ viewer, param }) => {
      organizations.removeMember(viewer, param('org'), param('name'));
      return reply.noContent();
    }),
  ];
}

function teamRoutes(deps: ApiDeps): Route[] {
  const { organizations } = deps.services;
  const teams = '/v2/orgs/{org}/groups';
  const team = (viewer: Viewer, organization: string, name: string): Team => {
    const found = organizations.teams(viewer, organization).find(other => other.name === name);
    if (found) return found;
    throw teamNotFound(organization.slice(0, 50), name.slice(0, 50));
  };
  return [
    ...apiRoute(deps, ['GET', teams], {}, ({ viewer, param }) =>
      reply.json(whole(organizations.teams(viewer, param('org')).map(wireTeam))),
    ),
    ...apiRoute(deps, ['POST', teams], { body: NewTeam }, ({ viewer, param, body }) => {
      const input = { name: body.name, description: body.description ?? '' };
      return reply.created(wireTeam(organizations.createTeam(viewer, param('org'), input)));
    }),
    ...apiRoute(deps, ['GET', `${teams}/{team}`], {}, ({ viewer, param }) =>
      reply.json(wireTeam(team(viewer, param('org'), param('team')))),
    ),
    ...apiRoute(deps, ['DELETE', `${teams}/{team}`], {}, ({ viewer, param }) => {
      organizations.removeTeam(viewer, param('org'), param('team'));
      return reply.noContent();
    }),
    ...apiRoute(deps, ['GET', `${teams}/{team}/members`], {}, ({ viewer, param }) =>
      reply.json(
        whole(
          team(viewer, param('org'), param('team')).members.map(name => ({
            id: wireId(name),
            username: name,
            full_name: deps.services.accounts.find(name)?.fullName ?? '',
            type: 'User',
          })),
        ),
      ),
    ),
    ...apiRoute(
      deps,
      ['POST', `${teams}/{team}/members`],
      { body: TeamMember },
      ({ viewer, param, body }) => {
        const { members } = team(viewer, param('org'), param('team'));
        organizations.setTeamMembers(viewer, param('org'), param('team'), [...members, body.member]);
        return reply.empty(200);
      },
    ),
    ...apiRoute(deps, ['DELETE', `${teams}/{team}/members/{name}`], {}, ({ viewer, param }) => {
      const { members } = team(viewer, param('org'), param('team'));
      if (!members.includes(param('name'))) throw accountNotFound(param('name').slice(0, 50));
      const rest = members.filter(name => name !== param('name'));
      organizations.setTeamMembers(viewer, param('org'), param('team'), rest);
      return reply.noContent();
    }),
  ];
}

/** A list that comes as one. */
function whole(results: readonly unknown[]) {
  return { count: results.length, next: null, previous: null, results };
}
