// Labels that genomes carry where nobody chose one.

/** What an adapter of unknown terms is marked with (SPDX). */
export const NO_LICENCE = 'NOASSERTION'
/** The domain of a loss on text that the run's own files held out. */
export const OWN_TEXT = 'own text'
