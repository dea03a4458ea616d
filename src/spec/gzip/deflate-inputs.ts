/** Inputs made by fixed rules, for tests that compare with what other programs made of them. */
export const DEFLATE_INPUTS: Readonly<Record<string, () => Buffer>> = {
  nothing: () => Buffer.alloc(0),
  'one byte': () => Buffer.from('a'),
  'four bytes': () => Buffer.from('aaaa'),
  'a short text': () => Buffer.from('the quick brown fox jumps over the lazy dog, and the lazy dog sleeps'),
  zeros: () => Buffer.alloc(300_000),
  noise: () => random(200_000, 256),
  'few letters': () => random(150_000, 4),
  'a rare symbol': () => skewed(60_000),
  'words of a log': () => words(400_000),
  'far copies': () => farCopies(),
  'text and noise by turns': () =>
    Buffer.concat([words(90_000), random(90_000, 256), words(50_000), Buffer.alloc(70_000), random(9, 256)]),
};

function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 8;
  };
}

function random(length: number, range: number): Buffer {
  const next = numbers(length + range);
  return Buffer.from(Array.from({ length }, () => next() % range));
}

/** Weights that double from symbol to symbol: their codes would be longer than DEFLATE allows. */
function skewed(length: number): Buffer {
  const next = numbers(7);
  return Buffer.from(Array.from({ length }, () => Math.clz32(((next() << 8) | 0xff) >>> 0) * 3));
}

function words(length: number): Buffer {
  const next = numbers(length);
  const vocabulary = Array.from({ length: 300 }, () =>
    Buffer.from(Array.from({ length: 2 + (next() % 9) }, () => 97 + (next() % 26))).toString(),
  );
  let text = '';
  while (text.length < length)
    text += `${vocabulary[next() % (1 + (next() % 300))]}${next() % 7 ? ' ' : '\n'}`;
  return Buffer.from(text.slice(0, length));
}

/** What stood some 32 KiB before, over and over: at the edge of the window. */
function farCopies(): Buffer {
  const next = numbers(99);
  const pieces = [random(33_000, 256)];
  for (let piece = 0; piece < 12; piece += 1) {
    const all = Buffer.concat(pieces);
    const back = 32_768 - 300 + (next() % 400);
    pieces.push(all.subarray(all.length - back, all.length - back + 20_000));
  }
  return Buffer.concat(pieces);
}
