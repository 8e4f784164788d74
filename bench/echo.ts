/** What piscina's worker runs for bench/peers.ts: it gives back what it is given. */
export default function echo(value: number): number {
  return value
}
