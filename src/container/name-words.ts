/** Words for names of containers. All lower case, no blanks; none that could hurt next to a person's name. */
export const ADJECTIVES: readonly string[] = (
  'admiring adoring affable agile amazing amiable ample artful awake balanced beaming blissful bold brave breezy ' +
  'bright brisk busy calm candid caring charming cheerful clever compassionate confident cool cordial cosy ' +
  'courteous curious daring dazzling deft determined devoted diligent dreamy eager earnest easygoing ecstatic ' +
  'elastic elated elegant eloquent epic exciting fearless festive focused friendly frosty gallant generous gentle ' +
  'gifted gleaming goofy gracious happy hardcore helpful hopeful hungry infallible inspiring inventive jolly jovial ' +
  'keen kickass kind laughing loving lucid lucky magical merry mild modest musing mystifying nifty nimble nice ' +
  'nostalgic objective optimistic patient peaceful pensive playful plucky polite practical quirky quizzical radiant ' +
  'recursing relaxed reverent romantic serene sharp silly sincere sleepy spirited stoic sunny sweet tender thirsty ' +
  'trusting upbeat vibrant vigilant vigorous warm wise witty wizardly wonderful xenodochial youthful zealous zen'
).split(' ');

/** Surnames of people who moved science, mathematics and computing forward. */
export const SURNAMES: readonly string[] = (
  'abel agnesi allen almeida ampere archimedes avogadro babbage banach bardeen bartik bassi bell bernoulli bhabha ' +
  'blackwell bohr boltzmann boole booth borg bose brahmagupta brattain brown carson cartwright cauchy cerf ' +
  'chandrasekhar chatelet chebyshev clarke cori cray curie curran darwin descartes dijkstra dirac driscoll ' +
  'easley edison einstein elion engelbart euclid euler faraday fermat fermi feynman franklin galileo galois gates ' +
  'gauss germain goldberg goldwasser goodall grothendieck haibt hamilton hawking heisenberg hellman hermann herschel ' +
  'hertz heyrovsky hilbert hodgkin hofstadter hopper hugle hypatia jackson jang jemison johnson joliot jones kalam ' +
  'kapitsa keldysh keller kepler khayyam khorana kilby kirch knuth kolmogorov kovalevskaya lagrange lalande lamarr ' +
  'lamport leakey leavitt lehmann lewin liskov lovelace lumiere mahavira margulis matsumoto maxwell mayer mccarthy ' +
  'mcclintock meitner mendel mendeleev meninsky mirzakhani moore morse moser murdock napier nash neumann newton ' +
  'nightingale nobel noether noyce panini pare pascal pasteur payne perlman pike poincare poitras proskuriakova ' +
  'ptolemy raman ramanujan rhodes ride riemann ritchie robinson roentgen rosalind rubin saha sammet sanderson ' +
  'satoshi shamir shannon shaw shockley shtern sinoussi snyder solomon spence stonebraker sutherland swanson ' +
  'swartz swirles taussig tesla tharp thompson torvalds tu turing varahamihira vaughan villani visvesvaraya volhard ' +
  'wescoff wilbur wiles williams williamson wilson wing wozniak wright wu yalow yonath zhukovsky'
).split(' ');
