/** English words that carry grammar rather than meaning: WordNet has other meanings of many (an `a` is an ampere). */
export const stopWords: ReadonlySet<string> = new Set(
  `i me my mine myself we us our ours ourselves you your yours yourself yourselves he him his himself she her hers herself
  it its itself they them their theirs themselves what which who whom whose this that these those am is are was were be been
  being have has had having do does did doing done can could may might must shall should will would ought a an the and but or
  nor if because as until while than though although since unless of at by for with about against between into through during
  before after above below to from up down in out on off over under again further then once here there when where why how all
  any both each few more most other some such no not only own same so too very just now also even ever never
  don't doesn't didn't isn't aren't wasn't weren't won't can't couldn't shouldn't wouldn't haven't hasn't hadn't
  i'm i've i'd i'll you're you've you'd you'll he's she's it's we're we've we'll they're they've that's there's let's`.split(
    /\s+/,
  ),
);
