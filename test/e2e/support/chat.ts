// Using the chat as a person does: by its labels and buttons.

import type { Locator, Page } from 'playwright'

/** Sends a message; resolves with the answer to come, as soon as its turn is on the page. */
export async function ask(page: Page, text: string): Promise<Locator> {
  const answers = page.locator('turn-list li.assistant')
  const before = await answers.count()
  await page.getByLabel('Message', { exact: true }).fill(text)
  await page.keyboard.press('Enter')
  const answer = answers.nth(before)
  await answer.waitFor({ timeout: 60_000 })
  return answer
}

/** Waits until an answer is over, however it ended. */
export async function untilOver(answer: Locator): Promise<void> {
  await answer.and(answer.page().locator('.done, .stopped, .broken')).waitFor({ timeout: 60_000 })
}

export async function askAndWait(page: Page, text: string): Promise<Locator> {
  const answer = await ask(page, text)
  await untilOver(answer)
  return answer
}

export async function textOf(answer: Locator): Promise<string> {
  return (await answer.locator('.text').innerText()).trim()
}

/** Waits until some of the answer can be read. */
export async function untilWriting(answer: Locator): Promise<void> {
  await answer.locator('.text').filter({ hasText: /\S{2}/ }).waitFor({ timeout: 30_000 })
}

/** Begins with the built-in model, as the first visit offers it. */
export async function chooseBuiltIn(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Chat with the built-in model' }).click()
}

/** What the sliders of the model panel keep: greedy, and this many tokens. Counts from the next load of the page. */
export async function setAnswerLength(page: Page, maxTokens: number): Promise<void> {
  await page.evaluate((length) => {
    localStorage.setItem('centram.chat-settings', JSON.stringify({ temperature: 0, maxTokens: length }))
  }, maxTokens)
}
