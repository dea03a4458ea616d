/** What is told once, on the page after a form. The address carries the key alone, so that nobody can write words into a page. */
const NOTICES: Readonly<Record<string, string>> = {
  welcome: 'Welcome. Your account is ready.',
  'signed-out': 'You have signed out.',
  saved: 'Your changes are saved.',
  created: 'The repository is there. Push its first image with the commands below.',
  deleted: 'The repository was deleted.',
  'tag-deleted': 'The tag was deleted.',
  'password-changed': 'Your password is changed, and every other session has ended.',
  revoked: 'The access token no longer works.',
  'organization-created': 'The organization is there. Add its members below.',
  'organization-deleted': 'The organization was deleted.',
  'account-created': 'The account is there.',
};

export function noticeOf(key: string): string | undefined {
  return Object.hasOwn(NOTICES, key) ? NOTICES[key] : undefined;
}
