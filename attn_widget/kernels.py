"""The compiled heart of attention flow: maximum flow on dense layered capacities.

All compiled functions live in this one file, and nothing but `maxflow.py` imports it: numba takes
part of a second to load, and its cache notices edits only in the file of the function itself.

The network. Supplies `supply[i]` enter the nodes of the top level, `caps[l, i, j]` joins node `i`
of level `l` to node `j` of level `l + 1` (levels count downwards here), demands `demand[j]` leave
the bottom level. There are no edge lists: `rest[l, i, j]` is what a forward arc can still take,
`back[l, j, i]` is the flow on it, kept transposed so that both directions are scanned along rows.

Method: Dinic's blocking flows, with amounts rather than single paths carried through the depth-first
search, distances measured to the sink. Nodes outside `lo <= index < hi` are ignored.
"""

from __future__ import annotations

import numpy as np
from numba import njit

FAR = np.int32(1 << 30)


@njit(cache=True, nogil=True)
def distances(rest, back, supply, demand, lo, hi, eps, dist, todo, count):
    """Distance of every node to unmet demand, FAR if none; stops at the first open supply.

    Returns the distance at which supply meets demand, or 0 when no path is left.
    """
    levels = dist.shape[0]
    last = levels - 1
    for l in range(levels):
        count[l] = 0
        for i in range(lo, hi):
            if l == last and demand[i] > eps:
                dist[l, i] = 1
            else:
                dist[l, i] = FAR
                todo[l, count[l]] = i
                count[l] += 1
    step = 1
    if levels == 1:
        for i in range(lo, hi):
            if supply[i] > eps and dist[0, i] == 1:
                return 1
        return 0
    while True:
        met = False
        moved = False
        for l in range(levels):
            kept = 0
            for c in range(count[l]):
                i = todo[l, c]
                hit = False
                if l < last:
                    for j in range(lo, hi):
                        if dist[l + 1, j] == step and rest[l, i, j] > eps:
                            hit = True
                            break
                if not hit and l > 0:
                    for j in range(lo, hi):
                        if dist[l - 1, j] == step and back[l - 1, i, j] > eps:
                            hit = True
                            break
                if hit:
                    dist[l, i] = step + 1
                    moved = True
                    if l == 0 and supply[i] > eps:
                        met = True
                else:
                    todo[l, kept] = i
                    kept += 1
            count[l] = kept
        step += 1
        if met:
            return step
        if not moved:
            return 0


@njit(cache=True, nogil=True)
def blocking(caps, rest, back, supply, demand, lo, hi, eps, first, top, missing, dist, ptr, stack):
    """Push a blocking flow through the arcs that lead one step nearer; returns the amount.

    Arc order at a node: the column `first`, the same token (the residual edge), the others from
    left to right, then the reverse arcs. At most `missing` is pushed.
    """
    levels = dist.shape[0]
    last = levels - 1
    width = hi - lo + 2
    ends = width + hi - lo
    for l in range(levels):
        for i in range(lo, hi):
            ptr[l, i] = 0
    at_level, at_node, want, left = stack
    pushed = 0.0
    for start in range(lo, hi):
        if dist[0, start] != top or supply[start] <= eps:
            continue
        if missing - pushed <= 0.0:
            break
        at_level[0] = 0
        at_node[0] = start
        want[0] = min(supply[start], missing - pushed)
        left[0] = want[0]
        depth = 0
        while True:
            l = at_level[depth]
            i = at_node[depth]
            d = dist[l, i]
            down = False
            if left[depth] > 0.0:
                if d == 1:
                    x = min(left[depth], demand[i])
                    demand[i] -= x
                    left[depth] -= x
                else:
                    p = ptr[l, i]
                    if l == last and p < width:
                        p = width
                    while p < width:
                        j = first if p == 0 else i if p == 1 else lo + p - 2
                        if dist[l + 1, j] == d - 1 and rest[l, i, j] > eps:
                            down = True
                            at_level[depth + 1] = l + 1
                            at_node[depth + 1] = j
                            want[depth + 1] = min(left[depth], rest[l, i, j])
                            break
                        p += 1
                    if not down and l > 0:
                        while p < ends:
                            j = lo + p - width
                            if dist[l - 1, j] == d - 1 and back[l - 1, i, j] > eps:
                                down = True
                                at_level[depth + 1] = l - 1
                                at_node[depth + 1] = j
                                want[depth + 1] = min(left[depth], back[l - 1, i, j])
                                break
                            p += 1
                    elif not down:
                        p = ends
                    ptr[l, i] = p
            if down:
                depth += 1
                left[depth] = want[depth]
                continue
            # The node is satisfied or spent: hand what it passed on back to its parent.
            amount = want[depth] - left[depth]
            spent = left[depth] > 0.0
            if depth == 0:
                supply[start] -= amount
                pushed += amount
                break
            depth -= 1
            up = at_level[depth]
            j = at_node[depth]
            left[depth] -= amount
            if spent:
                ptr[up, j] += 1
            if amount > 0.0:
                if up < l:
                    if amount == rest[up, j, i]:
                        rest[up, j, i] = 0.0
                        back[up, i, j] = caps[up, j, i]
                    else:
                        rest[up, j, i] -= amount
                        back[up, i, j] += amount
                elif amount == back[l, j, i]:
                    back[l, j, i] = 0.0
                    rest[l, i, j] = caps[l, i, j]
                else:
                    back[l, j, i] -= amount
                    rest[l, i, j] += amount
    return pushed


@njit(cache=True, nogil=True)
def augment(caps, rest, back, supply, demand, lo, hi, eps, missing, dist, ptr, stack, lists, stop):
    """Augment to a maximum flow, or by `missing` (what is left to the trivial cut).

    Returns the amount added, the number of phases, and whether the search ended because no path
    was left: then every node with `dist == FAR` is on the source side of a minimum cut.
    """
    todo, count = lists
    first = lo
    for j in range(lo, hi):
        if demand[j] > demand[first]:
            first = j
    added = 0.0
    phases = 0
    while missing - added > 0.0 and stop[0] == 0:
        top = distances(rest, back, supply, demand, lo, hi, eps, dist, todo, count)
        if top == 0:
            return added, phases, True
        phases += 1
        more = blocking(
            caps, rest, back, supply, demand, lo, hi, eps, first, top, missing - added,
            dist, ptr, stack,
        )  # fmt: skip
        if more <= 0.0:
            break
        added += more
    return added, phases, False


@njit(cache=True, nogil=True)
def cut_value(caps, supply, demand, lo, hi, dist):
    """Capacity of the cut whose source side is every node at distance FAR."""
    levels = dist.shape[0]
    value = 0.0
    for i in range(lo, hi):
        if dist[0, i] != FAR:
            value += supply[i]
        if dist[levels - 1, i] == FAR:
            value += demand[i]
    for l in range(levels - 1):
        for i in range(lo, hi):
            if dist[l, i] == FAR:
                for j in range(lo, hi):
                    if dist[l + 1, j] != FAR:
                        value += caps[l, i, j]
    return value


@njit(cache=True, nogil=True)
def solve_row(caps, supplies, query, ins, keys, triangular, value, gap, stop):
    """Flow from one source to each sink of `keys`, each on its own: value and gap to the cut.

    `supplies` is the top map's row of the source, `ins[k]` the bottom map's column of sink `k`.
    """
    layers, n, _ = caps.shape
    levels = layers + 1
    rest = np.empty_like(caps)
    back = np.empty_like(caps)
    dist = np.empty((levels, n), np.int32)
    ptr = np.empty((levels, n), np.int32)
    lists = (np.empty((levels, n), np.int32), np.empty(levels, np.int32))
    size = levels * n + 2
    stack = (np.empty(size, np.int32), np.empty(size, np.int32), np.empty(size), np.empty(size))
    supply = np.empty(n)
    demand = np.empty(n)
    for p in range(keys.shape[0]):
        key = keys[p]
        lo, hi = 0, n
        if triangular:
            lo, hi = key, query + 1
        value[p] = 0.0
        gap[p] = 0.0
        if lo >= hi:
            continue
        out = 0.0
        into = 0.0
        for i in range(lo, hi):
            supply[i] = supplies[i]
            demand[i] = ins[key, i]
            out += supply[i]
            into += demand[i]
        bound = min(out, into)
        for l in range(layers):
            for i in range(lo, hi):
                for j in range(lo, hi):
                    rest[l, i, j] = caps[l, i, j]
                    back[l, i, j] = 0.0
        added, _, closed = augment(
            caps, rest, back, supply, demand, lo, hi, 0.0, bound, dist, ptr, stack, lists, stop
        )
        cut = bound
        if closed:
            cut = min(bound, cut_value(caps, supplies, ins[key], lo, hi, dist))
        if stop[0] != 0:
            return
        value[p] = cut
        gap[p] = abs(cut - added)


@njit(cache=True, nogil=True)
def augment_whole(caps, rest, back, supply, demand):
    """Augment a feasible flow to a maximum one, in place."""
    layers, n, _ = caps.shape
    levels = layers + 1
    dist = np.empty((levels, n), np.int32)
    ptr = np.empty((levels, n), np.int32)
    lists = (np.empty((levels, n), np.int32), np.empty(levels, np.int32))
    size = levels * n + 2
    stack = (np.empty(size, np.int32), np.empty(size, np.int32), np.empty(size), np.empty(size))
    stop = np.zeros(1, np.uint8)
    return augment(
        caps, rest, back, supply, demand, 0, n, 0.0, np.inf, dist, ptr, stack, lists, stop
    )
