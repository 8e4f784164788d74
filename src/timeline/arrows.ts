/**
 * Arrows between tracks: from a device's fault to its service, to the invalidation that spoilt the service's work, to the retry. Which
 * invalidation that was is not guessed: a retry names the actor that it came from, and the sequence that this one left.
 */
import type { TimelineEvent } from '../../shared/seam/timeline.ts'
import { OPERATION } from '../../shared/seam/trace.ts'

/** An event on the track of its actor. */
export interface Placed extends TimelineEvent {
  readonly track: number
}

/** Points in the order in which they happened: one on each event that an arrow touches. */
export type Arrow = readonly { readonly track: number; readonly ns: number }[]

/** All arrows whose events are there, in the order of their retries. `tracks` are in the order of their beginnings. */
export function arrowsOf(tracks: readonly (readonly Placed[])[]): Arrow[] {
  const faults = tracks.flat().filter(({ kind }) => kind === 'fault')
  return tracks.flatMap((track) => {
    const services = track.filter(({ kind, code }) => kind === 'operation' && code === OPERATION.serviceFault)
    return track
      .filter(({ kind }) => kind === 'retry')
      .flatMap((retry) => {
        const service = services.findLast((one) => one.beganNs <= retry.beganNs && retry.beganNs <= one.endedNs)
        const spoiler = tracks[retry.a]?.findLast(
          ({ kind, beganNs, c }) => kind === 'invalidation' && beganNs <= retry.beganNs && (retry.c === 0 || c === retry.c),
        )
        return service === undefined || spoiler === undefined ? [] : inOrder(service, spoiler, retry, faults)
      })
  })
}

function inOrder(service: Placed, spoiler: Placed, retry: Placed, faults: readonly Placed[]): Arrow[] {
  // An invalidation may have begun before the service did, and have met it later.
  const met = Math.max(spoiler.beganNs, service.beganNs)
  if (met > Math.min(spoiler.endedNs, retry.beganNs)) return []
  const fault = faults.findLast(({ a, c, beganNs }) => a === service.a && c === service.c && beganNs <= service.beganNs)
  return [
    [
      ...(fault === undefined ? [] : [{ track: fault.track, ns: fault.beganNs }]),
      { track: service.track, ns: service.beganNs },
      { track: spoiler.track, ns: met },
      { track: retry.track, ns: retry.beganNs },
    ],
  ]
}
