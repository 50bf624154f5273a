-- What is compared over a year is added up by four weeks as well. Days say what those of before come to.
INSERT INTO counters (account, region, dimension, step, member, bucket_at, name, total)
SELECT account, region, dimension, 2419200000, member, bucket_at - bucket_at % 2419200000, name, sum(total)
FROM counters
WHERE step = 86400000 AND dimension NOT IN ('account', 'path')
GROUP BY account, region, dimension, member, bucket_at - bucket_at % 2419200000, name;
