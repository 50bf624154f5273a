"""Dedicated IP pools in v2, as the operator has set them up; they cannot be changed by calls.

Translation only; the rules stand in resources/dedicated_ips.py.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetDedicatedIpPool.html
"""

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.resources import pages
from pillarbox.resources.dedicated_ips import Ip


@operation("sesv2", "ListDedicatedIpPools")
async def list_dedicated_ip_pools(call: Call, params: Params) -> Result:
    names = call.services.pools.listed()
    page = pages.part_of(names, str, params.get("NextToken"), params.get("PageSize"))
    return {"DedicatedIpPools": page.rows, "NextToken": page.next_token}


@operation("sesv2", "GetDedicatedIpPool")
async def get_dedicated_ip_pool(call: Call, params: Params) -> Result:
    pool = call.services.pools.get(params["PoolName"])
    return {"DedicatedIpPool": {"PoolName": pool.name, "ScalingMode": "STANDARD"}}


@operation("sesv2", "GetDedicatedIps")
async def get_dedicated_ips(call: Call, params: Params) -> Result:
    found = call.services.pools.ips(params.get("PoolName"))
    page = pages.part_of(found, _key, params.get("NextToken"), params.get("PageSize"))
    return {"DedicatedIps": [_told(one) for one in page.rows], "NextToken": page.next_token}


@operation("sesv2", "GetDedicatedIp")
async def get_dedicated_ip(call: Call, params: Params) -> Result:
    return {"DedicatedIp": _told(call.services.pools.ip(params["Ip"]))}


def _key(one: Ip) -> str:
    return f"{one.pool}/{one.address}"


def _told(one: Ip) -> Result:
    # What is sent through an address at first is held down by the pace that each provider lets it have.
    return {"Ip": one.address, "WarmupStatus": "NOT_APPLICABLE", "WarmupPercentage": 100, "PoolName": one.pool}
