"""Sums by day, several questions at a time.

Translation only; the reading stands in stats/metrics.py.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_BatchGetMetricData.html
"""

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.kit.errors import Invalid, Unavailable
from pillarbox.stats import metrics
from pillarbox.stats.metrics import Narrowed

_EVERY = "*"
_MEMBERS = {
    "EMAIL_IDENTITY": "identity",
    "CONFIGURATION_SET": "configuration_set",
    "TENANT_NAME": "tenant",
    "ISP": "isp",
}


@operation("sesv2", "BatchGetMetricData")
async def batch_get_metric_data(call: Call, params: Params) -> Result:
    queries = params["Queries"]
    _check(queries)
    results, errors = [], []
    for query in queries:
        try:
            results.append(await _answer(call, query))
        except Unavailable as error:
            errors.append({"Id": query["Id"], "Code": "INTERNAL_FAILURE", "Message": str(error)})
    return {"Results": results, "Errors": errors}


async def _answer(call: Call, query: Params) -> Result:
    given = query.get("Dimensions", {}).items()
    narrowed = Narrowed(**{_MEMBERS[name]: value for name, value in given if value != _EVERY})
    asked = (query["Metric"], narrowed, query["StartDate"], query["EndDate"])
    found = await call.store.read(metrics.by_day, call.scope, *asked)
    return {"Id": query["Id"], "Timestamps": list(found), "Values": list(found.values())}


def _check(queries: list[Params]) -> None:
    ids = [query["Id"] for query in queries]
    if len(set(ids)) < len(ids):
        raise Invalid("Query ids must be unique.")
    for query in queries:
        if query["StartDate"] >= query["EndDate"]:
            raise Invalid(f"StartDate must be before EndDate in query <{query['Id']}>.")
