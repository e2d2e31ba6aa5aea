"""L-BFGS within a box, each stimulus by itself: one gradient a call, nothing waits for the device.

The inverse Hessian is kept in its compact form (Byrd, Nocedal & Schnabel 1994, theorem 2.2): a
batch takes a few matrix products instead of two loops over the history.
"""

from __future__ import annotations

import torch

HISTORY = 20  # pairs of steps and gradient changes that are remembered
LONGEST = 0.07  # of a step: root mean square over the stimulus, in units of the input
FIRST = 0.02  # of a step that no history guides, likewise
DECREASE = 1e-4  # Armijo's constant: the share of the promised decrease that a step must keep
SHORTEST = 1e-4  # where so short a share of a direction is still too long, the search gives up
LEAST_CURVATURE = 1e-10  # of a pair, as a cosine: below it the pair tells nothing

Moments = dict[str, torch.Tensor]


def begin(x: torch.Tensor) -> Moments:
    """Return what a search from points ``(N, ...)`` remembers before its first gradient."""
    n, size = len(x), x[0].numel()
    square = torch.zeros((n, HISTORY, HISTORY), dtype=torch.float64, device=x.device)
    return {
        "point": x.clone(),
        "value": x.new_full((n,), torch.inf),
        "slope": torch.zeros_like(x),
        "direction": torch.zeros_like(x),
        "length": x.new_ones(n),
        "steps": x.new_zeros((n, HISTORY, size)),
        "changes": x.new_zeros((n, HISTORY, size)),
        "steps_changes": square,
        "changes_changes": square.clone(),
        "pairs": torch.zeros(n, dtype=torch.long, device=x.device),
        "given_up": torch.zeros(n, dtype=torch.long, device=x.device),
    }


def search(
    moments: Moments,
    x: torch.Tensor,
    value: torch.Tensor,
    gradient: torch.Tensor,
    low: float,
    high: float,
) -> tuple[torch.Tensor, torch.Tensor, Moments]:
    """Judge trial points and propose the next ones, within [low, high].

    ``moments["point"]`` is the best point so far: the last trial that kept Armijo's share of its
    promise. ``moments["given_up"]`` counts how often in a row the search from there found none;
    after the first time it forgets its history, and goes on along the bare gradient.

    Parameters
    ----------
    x, value, gradient
        Trial points ``(N, ...)`` with the objective ``(N,)`` and its gradient there.

    Returns
    -------
    The next trial points, which of these were accepted ``(N,)``, and the new moments.
    """
    m = dict(moments)
    step = x - m["point"]
    usable = torch.isfinite(value) & torch.isfinite(_dot(gradient, gradient))
    fits = usable & (value <= m["value"] + DECREASE * _dot(m["slope"], step))
    shorter = _interpolated(m, value, usable)
    given_up = ~fits & (m["length"] <= SHORTEST)
    m = _remember(m, step, gradient - m["slope"], fits)
    wide = _over(fits, x)
    m["point"] = torch.where(wide, x, m["point"])
    m["slope"] = torch.where(wide, gradient, m["slope"])
    m["value"] = torch.where(fits, value, m["value"])
    m["given_up"] = torch.where(fits, 0, m["given_up"] + given_up)
    m["pairs"] = torch.where(given_up, 0, m["pairs"])
    turned = fits | given_up
    m["direction"] = torch.where(_over(turned, x), _direction(m, low, high), m["direction"])
    m["length"] = torch.where(turned, torch.ones_like(shorter), shorter)
    trial = torch.addcmul(m["point"], _over(m["length"], x), m["direction"])
    return trial.clamp_(low, high), fits, m


def _interpolated(m: Moments, value: torch.Tensor, usable: torch.Tensor) -> torch.Tensor:
    """Return where the parabola through what is known of the line has its minimum, guarded."""
    length, falling = m["length"], _dot(m["slope"], m["direction"])
    above = (value - m["value"] - falling * length).clamp(min=torch.finfo(value.dtype).tiny)
    best = torch.where(usable, -falling * length.square() / (2 * above), 0)
    return torch.minimum(torch.maximum(best, 0.1 * length), 0.5 * length)


def _remember(m: Moments, step: torch.Tensor, change: torch.Tensor, fits: torch.Tensor) -> Moments:
    """Put the pairs of accepted steps into the history, each in place of its stimulus' oldest."""
    curvature = _dot(step, change)
    size = (_dot(step, step) * _dot(change, change)).sqrt()
    known = torch.isfinite(m["value"])  # the first gradient of all has none before it
    useful = fits & known & (curvature > LEAST_CURVATURE * size)
    rows = torch.arange(len(step), device=step.device)
    slot = m["pairs"] % HISTORY
    new = {}
    for name, vector in (("steps", step), ("changes", change)):
        flat = vector.flatten(start_dim=1)
        old = m[name][rows, slot]
        m[name][rows, slot] = torch.where(useful[:, None], flat, old)
        new[name] = m[name][rows, slot]
    by_steps = torch.bmm(m["steps"], new["changes"][..., None])[..., 0].double()
    with_step = torch.bmm(m["changes"], torch.stack([new["steps"], new["changes"]], dim=-1))
    m["steps_changes"][rows, :, slot] = by_steps
    m["steps_changes"][rows, slot] = with_step[..., 0].double()
    m["changes_changes"][rows, :, slot] = with_step[..., 1].double()
    m["changes_changes"][rows, slot] = with_step[..., 1].double()
    return {**m, "pairs": m["pairs"] + useful}


def _direction(m: Moments, low: float, high: float) -> torch.Tensor:
    """Return the quasi-Newton direction over the free pixels, of bounded length, downhill."""
    point, gradient = m["point"], m["slope"]
    free = ((point > low) | (gradient < 0)) & ((point < high) | (gradient > 0))
    gradient = gradient * free
    bare = _bounded(-gradient, FIRST, exact=True)
    guided = _bounded(-_inverse_hessian(m, gradient) * free, LONGEST)
    downhill = (m["pairs"] > 0) & (_dot(guided, gradient) < 0)
    return torch.where(_over(downhill, point), guided, bare)


def _inverse_hessian(m: Moments, gradient: torch.Tensor) -> torch.Tensor:
    """Return H g. Unused places of the history are zero, and take no part."""
    count, device = m["pairs"], gradient.device
    places = torch.arange(HISTORY, device=device)
    # From the oldest pair to the newest: the theorem's triangle is over time.
    order = torch.where(count[:, None] > HISTORY, count[:, None] + places, places) % HISTORY
    used = places < count[:, None]
    both = used[:, :, None] & used[:, None, :]
    sy = torch.where(both, _ordered(m["steps_changes"], order), 0)
    yy = torch.where(both, _ordered(m["changes_changes"], order), 0)
    diagonal = sy.diagonal(dim1=1, dim2=2)
    triangle = sy.triu() + torch.diag_embed(torch.where(used, 0.0, 1.0).double())
    newest = (count.clamp(max=HISTORY) - 1).clamp(min=0)[:, None]
    scale = diagonal.gather(1, newest) / yy.diagonal(dim1=1, dim2=2).gather(1, newest)
    scale = torch.where(torch.isfinite(scale), scale, 1)  # (N, 1)
    flat = gradient.flatten(start_dim=1)
    s_g = torch.bmm(m["steps"], flat[..., None])[..., 0].double().gather(1, order) * used
    y_g = torch.bmm(m["changes"], flat[..., None])[..., 0].double().gather(1, order) * used
    inner = _solved(triangle, s_g)
    middle = diagonal * inner + scale * (torch.bmm(yy, inner[..., None])[..., 0] - y_g)
    outer = _solved(triangle.mT, middle, upper=False)
    back = torch.argsort(order, dim=1)
    along_steps = outer.gather(1, back).to(flat.dtype)[:, None]
    along_changes = (-scale * inner).gather(1, back).to(flat.dtype)[:, None]
    result = scale.to(flat.dtype) * flat
    result = result + torch.bmm(along_steps, m["steps"])[:, 0]
    result = result + torch.bmm(along_changes, m["changes"])[:, 0]
    return result.view_as(gradient)


def _solved(triangle: torch.Tensor, right: torch.Tensor, upper: bool = True) -> torch.Tensor:
    solved: torch.Tensor = torch.linalg.solve_triangular(triangle, right[..., None], upper=upper)
    return solved[..., 0]


def _ordered(square: torch.Tensor, order: torch.Tensor) -> torch.Tensor:
    rows = order[:, :, None].expand_as(square)
    return square.gather(1, rows).gather(2, order[:, None, :].expand_as(square))


def _bounded(vector: torch.Tensor, longest: float, exact: bool = False) -> torch.Tensor:
    """Return each row, no longer than ``longest`` (root mean square), or just so long."""
    size = _dot(vector, vector).div(vector[0].numel()).sqrt()
    factor = longest / size.clamp(min=torch.finfo(size.dtype).tiny)
    return vector * _over(factor if exact else factor.clamp(max=1), vector)


def _dot(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    products: torch.Tensor = torch.linalg.vecdot(a.flatten(start_dim=1), b.flatten(start_dim=1))
    return products


def _over(rows: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return rows.view(-1, *[1] * (x.ndim - 1))
