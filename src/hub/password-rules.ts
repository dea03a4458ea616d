import { invalid } from './errors.ts';

const MIN_LENGTH = 8;
/** A longer one is hashed no better, and takes longer. */
export const MAX_PASSWORD_LENGTH = 256;

/** What is tried first by whoever guesses: those with eight characters or more of all lists of the commonest ones. */
const COMMON: ReadonlySet<string> = new Set(
  `
  12345678 123456789 1234567890 12345678910 0123456789 987654321 9876543210 87654321 11111111
  111111111 00000000 000000000 88888888 99999999 12341234 11223344 123123123 147258369 789456123
  12344321 1q2w3e4r 1q2w3e4r5t 1qaz2wsx q1w2e3r4 qwertyui qwertyuiop qwerty12 qwerty123 qwerty1234
  qwerty12345 qwertz123 azertyuiop asdfghjk asdfghjkl zxcvbnm123 zaq12wsx abcdefgh abcd1234 abc12345
  abc123456 a1234567 a12345678 a123456789 aa123456 aa12345678 1234qwer 123qwe123 123abc123 password
  password1 password12 password123 password1234 password! passw0rd p@ssword p@ssw0rd p@ssw0rd1
  pa$$word pa$$w0rd pass1234 pass12345 passport passphrase mypassword newpassword changeme changeme1
  changeme123 changeit changethis letmein1 letmein123 welcome1 welcome123 admin123 admin1234
  admin12345 adminadmin administrator root1234 rootroot toor1234 test1234 testtest test12345 guest123
  default1 secret12 secret123 topsecret iloveyou iloveyou1 sunshine princess football baseball
  superman batman123 michael1 jennifer jordan23 starwars trustno1 whatever computer internet samsung1
  liverpool chocolate charlie1 butterfly dragon123 monkey123 shadow123 master123 hello123 hellohello
  freedom1 ncc1701d blink182 corvette maverick mercedes victoria rush2112 scorpion danielle marlboro
  explorer midnight mountain steelers cowboys1 yankees1 access14 docker123 docker1234 dockerhub
  container registry registry1 registry123 harbor12345
  `
    .trim()
    .split(/\s+/),
);

/**
 * Length over kinds of characters, and none of the commonest (NIST SP 800-63B, section 5.1.1.2).
 *
 * @throws {EngineError} `invalid`.
 */
export function checkPassword(password: string, account: string): void {
  const length = Array.from(password).length;
  if (length < MIN_LENGTH) throw invalid(`the password must have at least ${MIN_LENGTH} characters`);
  if (password.length > MAX_PASSWORD_LENGTH) {
    throw invalid(`the password may have at most ${MAX_PASSWORD_LENGTH} characters`);
  }
  const lower = password.toLowerCase();
  if (COMMON.has(lower) || isMonotonous(lower)) {
    throw invalid('the password is one of the commonest; choose one that others would not guess');
  }
  const plain = lower.replace(/[^\p{L}\p{N}]/gu, '');
  const name = account.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
  if (plain === name || plain === `${name}${name}` || isNameWithDigits(plain, name)) {
    throw invalid('the password must not be the name of the account');
  }
}

/** `aaaaaaaa`, `abababab` */
function isMonotonous(text: string): boolean {
  return new Set(text).size <= 2;
}

function isNameWithDigits(password: string, name: string): boolean {
  return name.length > 0 && password.startsWith(name) && /^\d{0,4}$/.test(password.slice(name.length));
}
