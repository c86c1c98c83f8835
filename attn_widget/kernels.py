"""The compiled heart of attention flow: maximum flow on dense layered capacities.

All compiled functions live in this one file (numba's cache notices edits only in a function's own
file), and `loading.py` alone imports it, in a thread of its own: numba takes a while to load. Whole
arrays are copied in plain loops: for `a[:] = b` numba compiles seconds of code for the error alone.

The network. `supply[i]` enters node `i` of level 0, `caps[l, i, j]` joins node `i` of level `l` to
node `j` of level `l + 1`, `demand[j]` leaves node `j` of the last level. No edge lists:
`rest[l, i, j]` is what a forward arc can still take, so `caps - rest` flows on it. Beside it stand
two bit matrices, one word for 64 nodes: bit `j` of `fwd[l, i]` says that the arc can take more, bit
`i` of `bwd[l, j]` that something flows on it. All searching is done on these words; the numbers
are touched only where flow moves.

Method: Dinic's blocking flows. Distances are measured to open demand; the depth-first search
carries amounts rather than paths, and ends in whole rows of demands at once. A push that fills an
arc sets its rest to exactly 0, so no tolerance is needed: each phase takes away at least one
distance, which bounds their number by the number of nodes whatever the capacities.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

if TYPE_CHECKING:
    from collections.abc import Callable


def compiled(signature: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compile now, for this signature, and keep the result on disk where there is a place for it.

    numba keeps it beside this file, else in the user's cache folder; where both are read-only each
    process compiles for itself.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        try:
            return njit(signature, cache=True, nogil=True)(function)  # type: ignore[no-any-return]
        except RuntimeError as error:
            if "cannot cache function" not in str(error):
                raise
            return njit(signature, nogil=True)(function)  # type: ignore[no-any-return]

    return decorate


ZERO = np.uint64(0)
ONE = np.uint64(1)
VISITS = 4095  # the cancel flag is looked at every so many visits (all bits set)


@intrinsic
def lowest(typing_context, word):  # noqa: ARG001 - numba's calling convention
    """Index of the lowest set bit of a word that is not 0."""

    def generate(context, builder, signature, args):  # noqa: ARG001
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


@njit(nogil=True)
def bit(i):
    """Return the word with the bit of index `i` set."""
    return ONE << np.uint64(i & 63)


@compiled("void(f8[:,:,::1], b1, f8, f8[:,:,::1], u8[:,:,::1], u8[:,:,::1])")
def lay_out(maps, upward, share, caps, open_arcs, large):
    """Turn blocks (lowest first) to layers that are searched upward or downward, with arc sets.

    Bit `j` of `open_arcs[l, i]` is set where `caps[l, i, j] > 0`, of `large` where it is at least
    `share` of the largest of its row. Large arcs are taken first: that takes fewer pushes, and
    gives flows that look like the attention.
    """
    layers, n, words = open_arcs.shape
    for l in range(layers):
        if upward:
            for below in range(0, n, 16):  # in tiles, for the cache
                for above in range(0, n, 16):
                    for i in range(below, min(below + 16, n)):
                        for j in range(above, min(above + 16, n)):
                            caps[l, i, j] = maps[l, j, i]
        else:
            for i in range(n):
                for j in range(n):
                    caps[l, i, j] = maps[layers - 1 - l, i, j]
        for i in range(n):
            most = 0.0
            for j in range(n):
                most = max(most, caps[l, i, j])
            most *= share
            for w in range(words):
                word = ZERO
                strong = ZERO
                for j in range(w << 6, min((w + 1) << 6, n)):
                    value = caps[l, i, j]
                    word |= np.uint64(value > 0.0) << np.uint64(j & 63)
                    strong |= np.uint64((value >= most) & (value > 0.0)) << np.uint64(j & 63)
                open_arcs[l, i, w] = word
                large[l, i, w] = strong


@njit(nogil=True)
def distances(fwd, bwd, supply, demand, lo, hi, at, left):
    """Search back from open demand to open supply.

    Fills `at[d, l]`, the set of nodes of level `l` at distance `d`, and `left[l]`, those not
    reached. Returns `at` (grown if need be) and the distance of the nearest supply, 0 if none.
    """
    levels, words = left.shape
    last = levels - 1
    for l in range(levels):
        for w in range(words):
            left[l, w] = ZERO
            at[1, l, w] = ZERO
        for i in range(lo, hi):
            left[l, i >> 6] |= bit(i)
    found = 0
    for i in range(lo, hi):
        if demand[i] > 0.0:
            at[1, last, i >> 6] |= bit(i)
            left[last, i >> 6] &= ~bit(i)
            if last == 0 and supply[i] > 0.0:
                found = 1
    d = 1
    moved = last > 0
    while moved and found == 0:
        if d + 1 >= at.shape[0]:
            longer = np.empty((2 * at.shape[0], levels, words), np.uint64)
            for e in range(d + 1):
                for l in range(levels):
                    for w in range(words):
                        longer[e, l, w] = at[e, l, w]
            at = longer
        moved = False
        for l in range(levels):
            below = ZERO
            above = ZERO
            for w in range(words):
                at[d + 1, l, w] = ZERO
                if l < last:
                    below |= at[d, l + 1, w]
                if l > 0:
                    above |= at[d, l - 1, w]
            if below | above == ZERO:
                continue
            for w in range(words):
                word = left[l, w]
                got = ZERO
                while word != ZERO:
                    b = lowest(word)
                    word &= word - ONE
                    i = (w << 6) + b
                    hit = ZERO
                    if below != ZERO:
                        for v in range(words):
                            hit |= fwd[l, i, v] & at[d, l + 1, v]
                    if above != ZERO and hit == ZERO:
                        for v in range(words):
                            hit |= bwd[l - 1, i, v] & at[d, l - 1, v]
                    if hit != ZERO:
                        got |= bit(b)
                        if l == 0 and supply[i] > 0.0:
                            found = d + 1
                if got != ZERO:
                    moved = True
                    at[d + 1, l, w] = got
                    left[l, w] &= ~got
        d += 1
    return at, found


@njit(nogil=True)
def blocking(caps, rest, fwd, bwd, large, supply, demand, lo, hi, top, most, at, stack, stop):
    """Push a blocking flow, at most `most`, through arcs that lead one step nearer.

    Arc order at a node: large forward arcs, the other forward arcs, reverse arcs; each from left to
    right. A node that can pass on no more is taken out of `at`.
    """
    last, _, words = large.shape
    at_level, at_node, want, left = stack
    pushed = 0.0
    visits = 0
    for start in range(lo, hi):
        if supply[start] <= 0.0 or at[top, 0, start >> 6] & bit(start) == ZERO:
            continue
        first = min(supply[start], most - pushed)
        if first <= 0.0:
            break
        at_level[0] = 0
        at_node[0] = start
        want[0] = first
        depth = 0
        l = np.int64(0)
        i = np.int64(start)
        d = np.int64(top)
        need = first  # what the node on top of the stack still wants to send
        while True:
            visits += 1
            if visits & VISITS == 0 and stop[0] != 0:
                return pushed
            if d == 1:
                x = min(need, demand[i])
                demand[i] -= x
                need -= x
            elif d == 2 and l + 1 == last:
                for w in range(words):
                    word = fwd[l, i, w] & at[1, last, w]
                    while word != ZERO and need > 0.0:
                        b = lowest(word)
                        j = (w << 6) + b
                        room = rest[l, i, j]
                        wanted = demand[j]
                        x = min(need, room)
                        if x >= wanted:
                            x = wanted
                            demand[j] = 0.0
                            at[1, last, w] &= ~bit(b)
                        else:
                            demand[j] = wanted - x
                        if x == room:
                            rest[l, i, j] = 0.0
                            fwd[l, i, w] &= ~bit(b)
                        else:
                            rest[l, i, j] = room - x
                        bwd[l, j, i >> 6] |= bit(i)
                        need -= x
                        word &= word - ONE
                    if need <= 0.0:
                        break
            else:
                j = np.int64(-1)
                if l < last:
                    for w in range(words):
                        word = fwd[l, i, w] & at[d - 1, l + 1, w]
                        if word != ZERO:
                            strong = word & large[l, i, w]
                            if strong != ZERO:
                                j = (w << 6) + lowest(strong)
                                break
                            if j < 0:
                                j = (w << 6) + lowest(word)
                    if j >= 0:
                        left[depth] = need
                        need = min(need, rest[l, i, j])
                        depth += 1
                        l += 1
                if j < 0 and l > 0:
                    for w in range(words):
                        word = bwd[l - 1, i, w] & at[d - 1, l - 1, w]
                        while word != ZERO:
                            b = lowest(word)
                            if caps[l - 1, (w << 6) + b, i] - rest[l - 1, (w << 6) + b, i] > 0.0:
                                j = (w << 6) + b
                                break
                            # So little flowed here that it was lost in rounding.
                            rest[l - 1, (w << 6) + b, i] = caps[l - 1, (w << 6) + b, i]
                            bwd[l - 1, i, w] &= ~bit(b)
                            word &= word - ONE
                        if j >= 0:
                            break
                    if j >= 0:
                        left[depth] = need
                        need = min(need, caps[l - 1, j, i] - rest[l - 1, j, i])
                        depth += 1
                        l -= 1
                if j >= 0:
                    i = j
                    d -= 1
                    at_level[depth] = l
                    at_node[depth] = i
                    want[depth] = need
                    continue
            # The node is satisfied or spent: hand what it sent back to the node that asked.
            while True:
                amount = want[depth] - need
                if need > 0.0:
                    at[d, l, i >> 6] &= ~bit(i)
                if depth == 0:
                    break
                depth -= 1
                d += 1
                up = np.int64(at_level[depth])
                j = np.int64(at_node[depth])
                need = left[depth] - amount
                if amount > 0.0:
                    if up < l:
                        room = rest[up, j, i]
                        bwd[up, i, j >> 6] |= bit(j)
                        if amount == room:
                            rest[up, j, i] = 0.0
                            fwd[up, j, i >> 6] &= ~bit(i)
                        else:
                            rest[up, j, i] = room - amount
                    else:
                        room = rest[l, i, j]
                        full = caps[l, i, j]
                        fwd[l, i, j >> 6] |= bit(j)
                        if amount == full - room:
                            rest[l, i, j] = full
                            bwd[l, j, i >> 6] &= ~bit(i)
                        else:
                            rest[l, i, j] = room + amount
                l = up
                i = j
                if need > 0.0:
                    break
            if depth == 0 and (need <= 0.0 or at[top, 0, start >> 6] & bit(start) == ZERO):
                break
        supply[start] -= first - need
        pushed += first - need
    return pushed


@njit(nogil=True)
def augment(caps, rest, fwd, bwd, large, supply, demand, lo, hi, most, at, left, stack, stop):
    """Augment to a maximum flow, but by no more than `most`.

    Returns `at`, the amount added, the number of phases, and whether no path was left: then
    `left` is the source side of a minimum cut.
    """
    added = 0.0
    phases = 0
    while most - added > 0.0 and stop[0] == 0:
        at, top = distances(fwd, bwd, supply, demand, lo, hi, at, left)
        if top == 0:
            return at, added, phases, True
        phases += 1
        added += blocking(
            caps, rest, fwd, bwd, large, supply, demand, lo, hi, top, most - added, at, stack, stop
        )
    return at, added, phases, False


@njit(nogil=True)
def cut_value(caps, supply, demand, lo, hi, left):
    """Capacity of the cut whose source side is `left`, from the original capacities."""
    levels, _words = left.shape
    value = 0.0
    for i in range(lo, hi):
        if left[0, i >> 6] & bit(i) == ZERO:
            value += supply[i]
        if left[levels - 1, i >> 6] & bit(i) != ZERO:
            value += demand[i]
    for l in range(levels - 1):
        for i in range(lo, hi):
            if left[l, i >> 6] & bit(i) != ZERO:
                for w in range(lo >> 6, ((hi - 1) >> 6) + 1):
                    word = ~left[l + 1, w]
                    first = max(lo - (w << 6), 0)
                    after = hi - (w << 6)
                    word &= ~ZERO << np.uint64(first)
                    if after < 64:
                        word &= (ONE << np.uint64(after)) - ONE
                    while word != ZERO:
                        value += caps[l, i, (w << 6) + lowest(word)]
                        word &= word - ONE
    return value


@njit(nogil=True)
def workspace(layers, n):
    """Scratch of one thread, for `augment`."""
    levels, words = layers + 1, (n + 63) >> 6
    size = levels * n + 2
    stack = (np.empty(size, np.int32), np.empty(size, np.int32), np.empty(size), np.empty(size))
    at = np.empty((4 * levels + 8, levels, words), np.uint64)
    left = np.empty((levels, words), np.uint64)
    fwd = np.empty((layers, n, words), np.uint64)
    bwd = np.empty((layers, n, words), np.uint64)
    for l in range(layers):
        for i in range(n):
            for w in range(words):
                bwd[l, i, w] = ZERO
    return fwd, bwd, at, left, stack


@njit(nogil=True)
def restore(caps, rest, open_arcs, fwd, bwd, lo, hi):
    """Undo a flow: only arcs that carry something are touched."""
    layers, _, words = open_arcs.shape
    for l in range(layers):
        for i in range(lo, hi):
            for w in range(words):
                fwd[l, i, w] = open_arcs[l, i, w]
                word = bwd[l, i, w]
                bwd[l, i, w] = ZERO
                while word != ZERO:
                    j = (w << 6) + lowest(word)
                    rest[l, j, i] = caps[l, j, i]
                    word &= word - ONE


@njit(nogil=True)
def resume(caps, rest, fwd, bwd):
    """Set the arc sets of a flow that is there already."""
    layers, n, _ = caps.shape
    for l in range(layers):
        for i in range(n):
            for j in range(n):
                if rest[l, i, j] <= 0.0:
                    fwd[l, i, j >> 6] &= ~bit(j)
                if rest[l, i, j] < caps[l, i, j]:
                    bwd[l, j, i >> 6] |= bit(i)


# One function for all kinds of tasks, since all that it calls is compiled again for each caller.
@compiled(
    "void(f8[:,:,::1], f8[:,:,::1], u8[:,:,::1], u8[:,:,::1], f8[:,::1], f8[:,::1], "
    "i8[::1], i8[::1], b1, b1, f8[::1], f8[::1], i8[::1], f8[:,::1], f8[:,::1], u1[::1])"
)
def solve(
    caps, rest, open_arcs, large, supplies, demands, starts, ends,
    triangular, resumed, value, gap, phases, unsent, unmet, stop,
):  # fmt: skip
    """Maximum flow from `supplies[starts[p]]` to `demands[ends[p]]` for every `p`, each on its own.

    Writes the value, the gap between flow and cut, the number of phases and, if `unsent` and
    `unmet` have rows, what is left of supply and demand (then `value` and `gap` are not proved).
    With `triangular`, only the nodes between start and end can carry anything. `rest` equals
    `caps`, before and after; but with `resumed` it holds a flow to start from, and the one task
    leaves its own there.
    """
    layers, n, _ = caps.shape
    fwd, bwd, at, left, stack = workspace(layers, n)
    supply = np.empty(n)
    demand = np.empty(n)
    lo = np.int64(0)
    hi = np.int64(n)
    restore(caps, rest, open_arcs, fwd, bwd, lo, hi)
    if resumed:
        resume(caps, rest, fwd, bwd)
    for p in range(starts.shape[0]):
        start = starts[p]
        end = ends[p]
        if triangular:
            lo = min(start, end)
            hi = max(start, end) + 1
        given = 0.0
        taken = 0.0
        for i in range(lo, hi):
            supply[i] = supplies[start, i]
            demand[i] = demands[end, i]
            given += supply[i]
            taken += demand[i]
        bound = np.inf if resumed else min(given, taken)
        at, added, phases[p], closed = augment(
            caps, rest, fwd, bwd, large, supply, demand, lo, hi, bound, at, left, stack, stop
        )
        if stop[0] != 0:
            return
        if p < unsent.shape[0]:
            for i in range(n):
                unsent[p, i] = supply[i]
                unmet[p, i] = demand[i]
            value[p] = added
        else:
            cut = bound
            if closed:
                cut = min(bound, cut_value(caps, supplies[start], demands[end], lo, hi, left))
            value[p] = cut
            gap[p] = abs(cut - added)
        if not resumed:
            restore(caps, rest, open_arcs, fwd, bwd, lo, hi)


@compiled("void(f8[:,::1], f8[:,::1], f8[::1], f8[::1], f8[:,::1], u1[::1])")
def glue(delivered, absorbed, outs, ins, proved, stop):
    """Flow through the hub level for every pair: `proved[q, k] = sum_m min(delivered, absorbed)`.

    Left at 0 where it cannot reach the bound `min(outs[q], ins[k])`.
    """
    sources, n = delivered.shape
    sinks = absorbed.shape[0]
    into = np.empty(sinks)
    for k in range(sinks):
        into[k] = 0.0
        for m in range(n):
            into[k] += absorbed[k, m]
    for q in range(sources):
        if stop[0] != 0:
            return
        sent = 0.0
        for m in range(n):
            sent += delivered[q, m]
        for k in range(sinks):
            bound = min(outs[q], ins[k]) - 1e-12
            proved[q, k] = 0.0
            if sent >= bound and into[k] >= bound:
                # Four sums side by side: one alone would wait for itself at every step.
                a = b = c = d = 0.0
                for m in range(0, n - 3, 4):
                    a += min(delivered[q, m], absorbed[k, m])
                    b += min(delivered[q, m + 1], absorbed[k, m + 1])
                    c += min(delivered[q, m + 2], absorbed[k, m + 2])
                    d += min(delivered[q, m + 3], absorbed[k, m + 3])
                for m in range(n - n % 4, n):
                    a += min(delivered[q, m], absorbed[k, m])
                proved[q, k] = (a + b) + (c + d)
