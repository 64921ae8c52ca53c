// Where a merge is written: under a temporary name, which becomes the wanted one when all is there.

import { copyFile, mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { CentramError } from '#core/errors.ts'

export interface MergeOutput {
  /** Appends to the file of tensors. */
  append(bytes: Uint8Array): Promise<void>
  /** A JSON file beside it; only in a folder. */
  writeJson(name: string, value: unknown): Promise<void>
  /** Takes over what makes a model usable beside its tensors; only into a folder. */
  copyCompanions(from: string): Promise<void>
  /** Gives the result its name. */
  finish(): Promise<void>
  /** Deletes what was written; harmless after `finish`. */
  discard(): Promise<void>
}

/** Configuration, tokenizer and chat template, as Hugging Face names them. */
const COMPANION =
  /^(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|preprocessor_config)\.json$|^(merges|vocab)\.txt$|^tokenizer\.model$|^spiece\.model$|^chat_template\.(jinja|json)$|^LICENSE/

/** @param tensors the file of tensors in the folder; `null` where the result is that file alone. */
export async function createMergeOutput(path: string, tensors: string | null): Promise<MergeOutput> {
  if ((await stat(path).catch(() => undefined)) !== undefined) {
    throw new CentramError('BAD_ARGUMENT', `${path} is there already. Choose another name, or delete it first.`)
  }
  const partial = `${path}.partial-${process.pid}`
  await mkdir(tensors === null ? dirname(path) : partial, { recursive: true })
  const inside = (name: string): string => join(partial, name)
  const handle = await open(tensors === null ? partial : inside(tensors), 'wx')
  let isOpen = true
  const closeHandle = async (): Promise<void> => {
    if (isOpen) await handle.close()
    isOpen = false
  }
  return {
    async append(bytes) {
      for (let done = 0; done < bytes.length;) {
        try {
          done += (await handle.write(bytes, done, bytes.length - done)).bytesWritten
        } catch (cause) {
          if (!(cause instanceof Error && 'code' in cause && cause.code === 'ENOSPC')) throw cause
          throw new CentramError('STORAGE_FULL', `The disk of ${path} is full. Make room and start again.`, { cause })
        }
      }
    },
    async writeJson(name, value) {
      await writeFile(inside(name), `${JSON.stringify(value, null, 2)}\n`)
    },
    async copyCompanions(from) {
      for (const entry of await readdir(from, { withFileTypes: true })) {
        if (COMPANION.test(entry.name) && !entry.isDirectory())
          await copyFile(join(from, entry.name), inside(entry.name))
      }
    },
    async finish() {
      await handle.sync()
      await closeHandle()
      await rename(partial, path)
    },
    async discard() {
      await closeHandle()
      await rm(partial, { recursive: true, force: true })
    },
  }
}
