"""The report's first page: the claims table with a link from each claim to its figure.

The page is a fragment of HTML that ``workflow/report/workflow.rst`` puts into Snakemake's report; its looks are
in ``workflow/report/report.css``.
"""

import json
from collections.abc import Mapping, Sequence

import pandas as pd
from jinja2 import Environment, StrictUndefined

from dropscape.artifacts.files import atomic_write
from dropscape.jobs import Job
from dropscape.report.verdicts import control, judgement, measured, read_claims, settings, source, tally

# No blank line and no script may stand in it: docutils takes it verbatim, Snakemake puts it into a string of a script.
_TEMPLATE = """\
<div id="claims">
<p class="tally">{{ tally }}</p>
<p>Scale <b>{{ scale }}</b>{{ settings }}.
Data: {{ data }}. Brackets hold the 95 % interval. A claim holds where its number and the whole interval are as
expected, with at least three independent units (seeds, trials, networks), and its control does not hold; a claim about
several trainings shows the weakest of them. Where nothing is judged, “points to” is what the number alone says.</p>
<table>
<thead><tr><th>Claim</th><th>Whose</th><th>Ours</th><th>Expected</th><th>Verdict</th><th>Control</th>
<th>Differs from the paper</th><th>Figure</th></tr></thead>
{% for paper, claims in papers %}
<tbody>
<tr class="paper"><th colspan="8" scope="colgroup">Paper {{ paper.letter }}: <i>{{ paper.title }}</i></th></tr>
{% for claim in claims %}
<tr class="{{ claim.verdict|replace(' ', '-') }}" id="claim-{{ claim.claim }}">
<td>{{ claim.statement }}<small>{{ claim.statistic }}</small></td>
<td>{{ claim.source }}</td>
<td class="number">{{ claim.value }}{% if claim.interval %}<br>{{ claim.interval }}{% endif %}
<small>{{ claim.rests_on }}</small></td>
<td>{{ claim.expected }}</td>
<td><b class="verdict">{{ claim.judgement }}</b>{% if claim.reason %}<small>{{ claim.reason }}</small>{% endif %}</td>
<td>{{ claim.beside }}</td>
<td><small>{{ claim.deviations or "in nothing" }}</small></td>
<td>
{%- if claim.figure %}<a href="#" onclick="{{ claim.figure.show }}">{{ claim.figure.paper_reference }}</a>{% endif -%}
</td>
</tr>
{% endfor %}
</tbody>
{% endfor %}
</table>
</div>
"""


def write_first_page(job: Job) -> None:
    """Write ``page`` from ``claims``; the settings are ``papers`` and ``figures``, as ``first_page`` takes them."""
    page = first_page(read_claims(job.inputs["claims"]), job.settings["papers"], job.settings["figures"])
    with atomic_write(job.outputs["page"]) as temporary:
        temporary.write_text(page, encoding="utf-8")


def first_page(
    claims: pd.DataFrame, papers: Sequence[Mapping[str, str]], figures: Mapping[str, Mapping[str, str]]
) -> str:
    """The claims table, as ``read_claims`` gives it, as a fragment of HTML.

    ``papers`` are the ``study``, ``letter`` and ``title`` of each, in the order of the page; ``figures`` the
    ``paper_reference`` and ``path`` (of the PNG, as the workflow names it) of each figure in the report. A claim about
    another figure has no link.
    """
    rows = []
    for claim in claims.to_dict("records"):
        value, _, interval = measured(claim).partition(" ")
        shown = figures.get(claim["figure"])
        if shown:
            # The paper is named by the heading above.
            reference = shown["paper_reference"].partition(", ")[2] or shown["paper_reference"]
            shown = {"paper_reference": reference, "show": _show(shown["path"])}
        shown = {"value": value, "interval": interval, "figure": shown, "source": source(claim)}
        rows.append(claim | shown | {"judgement": judgement(claim), "beside": control(claim)})
    judged = [
        (paper, [row for row in rows if row["study"] == paper["study"]])
        for paper in papers
        if paper["study"] in set(claims["study"])
    ]
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    return environment.from_string(_TEMPLATE).render(
        tally=tally(claims),
        scale=", ".join(claims["scale"].unique()),
        settings=settings(claims),
        data="; ".join(claims["data"].unique()),
        papers=judged,
    )


def _show(path: str) -> str:
    """What a click does in Snakemake's report: it shows the figure, and its caption beside it.

    ``app`` and ``results`` are the report's own; Snakemake's links in captions use them too, but show the caption only.
    """
    view = json.dumps({"navbarMode": "resultinfo", "resultPath": path, "content": "img"})
    return f"app.setView(Object.assign({view}, {{contentPath: results[{json.dumps(path)}].data_uri}})); return false"
