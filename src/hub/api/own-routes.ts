import * as v from 'valibot';
import { type BytesReply, reply } from '#http/reply';
import type { Route } from '#http/route';
import type { Account, Activity, Webhook } from '../hub-records.ts';
import { type ApiDeps, apiRoute, queryNumber } from './api-route.ts';
import { wireAccount, wirePage, wireRepositoryDetails, wireTime } from './api-wire.ts';

const Text = v.nullish(v.string());
const Flag = v.nullish(v.boolean());
const NewAccount = v.object({ name: v.string(), password: v.string(), full_name: Text, setup_code: Text });
const AccountChange = v.object({ full_name: Text, is_admin: Flag, is_disabled: Flag });
const NewPassword = v.object({ current: Text, password: v.string() });
const RepositoryChange = v.object({ description: Text, overview: Text, category: Text, is_private: Flag });
const Collaborator = v.object({ permission: v.picklist(['read', 'write', 'admin']) });
const NewWebhook = v.object({ name: v.string(), url: v.string() });
const Namespace = v.object({ is_private_by_default: v.boolean() });

/** What Docker Hub's API has no path for, or none that is documented. */
export function ownRoutes(deps: ApiDeps): Route[] {
  return [
    ...accountRoutes(deps),
    ...repositoryRoutes(deps),
    ...sharingRoutes(deps),
    ...webhookRoutes(deps),
    ...dashboardRoutes(deps),
  ];
}

function accountRoutes(deps: ApiDeps): Route[] {
  const { accounts } = deps.services;
  const password = { isPasswordOnly: true };
  return [
    ...apiRoute(
      deps,
      ['POST', '/api/accounts'],
      { ...password, body: NewAccount, isOpen: true },
      async ({ viewer, body, address }) => {
        const { name, password: secret, full_name: fullName, setup_code: setupCode } = body;
        const made = await accounts.create(viewer, {
          name,
          password: secret,
          address,
          ...(typeof fullName === 'string' && { fullName }),
          ...(typeof setupCode === 'string' && { setupCode }),
        });
        return reply.created(wireOwnAccount(made));
      },
    ),
    ...apiRoute(deps, ['GET', '/api/accounts'], { permission: 'admin' }, ({ viewer, query, path }) => {
      const paging = {
        page: queryNumber(query, 'page') ?? 1,
        pageSize: queryNumber(query, 'page_size') ?? 25,
      };
      const { publicUrl } = deps;
      return reply.json(wirePage(accounts.list(viewer, paging), wireOwnAccount, { publicUrl, path, query }));
    }),
    ...apiRoute(
      deps,
      ['PATCH', '/api/accounts/{name}'],
      { ...password, body: AccountChange },
      ({ viewer, param, body }) => {
        const { full_name: fullName, is_admin: isAdmin, is_disabled: isDisabled } = body;
        const changed = accounts.update(viewer, param('name'), {
          ...(typeof fullName === 'string' && { fullName }),
          ...(typeof isAdmin === 'boolean' && { isAdmin }),
          ...(typeof isDisabled === 'boolean' && { isDisabled }),
        });
        return reply.json(wireOwnAccount(changed));
      },
    ),
    ...apiRoute(
      deps,
      ['PUT', '/api/accounts/{name}/password'],
      { ...password, body: NewPassword },
      async ({ viewer, param, body }) => {
        await accounts.changePassword(viewer, param('name'), {
          password: body.password,
          ...(typeof body.current === 'string' && { current: body.current }),
        });
        return reply.noContent();
      },
    ),
  ];
}

function repositoryRoutes(deps: ApiDeps): Route[] {
  const { repositories } = deps.services;
  const star = (isStarred: boolean): Route[] =>
    apiRoute(
      deps,
      [isStarred ? 'PUT' : 'DELETE', '/api/repositories/{repository}/star'],
      { permission: 'read' },
      ({ viewer, param }) =>
        reply.json({ star_count: repositories.star(viewer, param('repository'), { isStarred }).stars }),
    );
  return [
    ...star(true),
    ...star(false),
    ...apiRoute(
      deps,
      ['PATCH', '/api/repositories/{repository}'],
      { body: RepositoryChange },
      ({ viewer, param, body }) => {
        const { description, overview, category, is_private: isPrivate } = body;
        const changed = repositories.update(viewer, param('repository'), {
          ...(typeof description === 'string' && { description }),
          ...(typeof overview === 'string' && { overview }),
          ...(typeof category === 'string' && { category }),
          ...(typeof isPrivate === 'boolean' && { isPrivate }),
        });
        const isStarred = repositories.isStarred(viewer, changed.name);
        return reply.json(wireRepositoryDetails(changed, { permission: 'admin', isStarred }));
      },
    ),
  ];
}

function sharingRoutes(deps: ApiDeps): Route[] {
  const { repositories } = deps.services;
  const collaborators = '/api/repositories/{repository}/collaborators';
  const one = `${collaborators}/{who}`;
  return [
    ...apiRoute(deps, ['GET', collaborators], { permission: 'admin' }, ({ viewer, param }) =>
      reply.json(repositories.collaborators(viewer, param('repository'))),
    ),
    ...apiRoute(deps, ['PUT', one], { body: Collaborator }, ({ viewer, param, body }) => {
      repositories.setCollaborator(viewer, param('repository'), param('who'), body.permission);
      return reply.noContent();
    }),
    ...apiRoute(deps, ['DELETE', one], {}, ({ viewer, param }) => {
      repositories.setCollaborator(viewer, param('repository'), param('who'), undefined);
      return reply.noContent();
    }),
  ];
}

function webhookRoutes(deps: ApiDeps): Route[] {
  const { webhooks } = deps.services;
  const all = '/api/repositories/{repository}/webhooks';
  return [
    ...apiRoute(deps, ['GET', all], { permission: 'admin' }, ({ viewer, param }) =>
      reply.json(webhooks.list(viewer, param('repository')).map(wireWebhook)),
    ),
    ...apiRoute(deps, ['POST', all], { body: NewWebhook }, ({ viewer, param, body }) => {
      const { secret, ...made } = webhooks.create(viewer, param('repository'), body);
      const answer = reply.created({ ...wireWebhook(made), secret });
      return { ...answer, headers: { ...answer.headers, 'Cache-Control': 'no-store' } };
    }),
    ...apiRoute(deps, ['DELETE', `${all}/{id}`], {}, ({ viewer, param }) => {
      webhooks.remove(viewer, param('repository'), param('id'));
      return reply.noContent();
    }),
  ];
}

function dashboardRoutes(deps: ApiDeps): Route[] {
  const { repositories } = deps.services;
  return [
    ...apiRoute(deps, ['GET', '/api/activity'], {}, ({ viewer, query }): BytesReply => {
      const limit = queryNumber(query, 'limit');
      return reply.json(
        repositories.activity(viewer, limit === undefined ? {} : { limit }).map(wireActivity),
      );
    }),
    ...apiRoute(deps, ['GET', '/api/namespaces'], {}, ({ viewer }) =>
      reply.json(repositories.namespaces(viewer)),
    ),
    ...apiRoute(
      deps,
      ['PATCH', '/api/namespaces/{namespace}'],
      { body: Namespace },
      ({ viewer, param, body }) => {
        const isPrivate = body.is_private_by_default;
        repositories.setPrivateByDefault(viewer, param('namespace'), { isPrivate });
        return reply.noContent();
      },
    ),
  ];
}

function wireOwnAccount(account: Account) {
  return { ...wireAccount(account), is_admin: account.isAdmin, is_disabled: account.isDisabled };
}

function wireWebhook({ id, name, url, createdAt, lastStatus }: Webhook) {
  return { id, name, url, created_at: wireTime(createdAt), last_status: lastStatus ?? null };
}

function wireActivity({ at, account, type, repository, tag }: Activity) {
  return { at: wireTime(at), account: account ?? null, type, repository, tag: tag ?? null };
}
