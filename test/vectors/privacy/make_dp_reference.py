"""Recomputes dp-reference.json with Google's dp_accounting 0.6.0 (`pip install dp-accounting==0.6.0`) and compares.

Poisson sampling, add-or-remove-one adjacency, the library's default orders and discretisation.
"""

import json
import pathlib

from dp_accounting import dp_event, pld, rdp

PATH = pathlib.Path(__file__).with_name("dp-reference.json")


def epsilons(sigma, q, steps, delta):
    event = dp_event.SelfComposedDpEvent(
        dp_event.PoissonSampledDpEvent(q, dp_event.GaussianDpEvent(sigma)), steps
    )
    figures = []
    for accountant in (rdp.RdpAccountant(), pld.PLDAccountant()):
        accountant.compose(event)
        figures.append(accountant.get_epsilon(delta))
    return figures


for row in json.loads(PATH.read_text())["rows"]:
    by_rdp, by_pld = epsilons(row["sigma"], row["q"], row["steps"], row["delta"])
    assert abs(by_rdp - row["epsilonRdp"]) < 1e-6 and abs(by_pld - row["epsilonPld"]) < 1e-6, (row, by_rdp, by_pld)
    print(row, "confirmed")
