// One page of a list, and the name of its last item where more follow.

export function pageOf<Item>(
  items: readonly Item[],
  limit: number,
  first: number,
  nameOf: (item: Item, index: number) => string,
): { readonly page: readonly Item[]; readonly next: string | null } {
  const page = items.slice(first, first + limit)
  const last = page.at(-1)
  const end = first + page.length
  return { page, next: last !== undefined && end < items.length ? nameOf(last, end - 1) : null }
}
