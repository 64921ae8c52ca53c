// What a headless node needs: the two optional packages, and a GPU outside a browser.

import { errorMessage } from '#core/errors.ts'
import { openHeadlessGpu, type GpuChoice } from '../../headless/dawn.ts'
import { loadLinks } from '../../headless/surroundings.ts'
import type { Finding } from './finding.ts'

export async function checkLinks(): Promise<Finding> {
  try {
    await loadLinks()
    return { about: 'headless links', state: 'ok', message: 'node-datachannel is there' }
  } catch (error) {
    return { about: 'headless links', state: 'note', message: errorMessage(error) }
  }
}

export async function checkHeadlessGpu(choice: GpuChoice): Promise<Finding> {
  const about = 'headless GPU'
  const gpu = await openHeadlessGpu(choice)
  if ('kind' in gpu) return { about, state: 'note', message: gpu.message, remedy: gpu.remedy }
  const { vendor, architecture, description } = gpu.info
  const name = [vendor, architecture, description].filter((part) => part !== '').join(' ')
  gpu.dispose()
  return { about, state: 'ok', message: name }
}
