import { table } from './text.ts';

export const METHOD = `## How a verdict is found

Of each bad request, one thing is certain: whose it was. A candidate with 5% of the requests that is as good as stable has 5% of the bad ones, however many there are. If it is ten times as bad, it has 34% of them. So each bad request speaks for one or the other by a known factor: 6.9 for ten times as bad when it is the candidate's, 0.69 when it is stable's.

The product of these factors is the evidence. It is like a bet against the candidate being as good as stable, at fair odds: who bets against something true seldom gets rich. The chance that the stake ever grows a hundredfold is at most 1%, however often one looks (Ville 1939). That is why Songbird can look many times a second, and needs no minimum of requests to fail a release. As nobody knows how bad a bad version is, the stake is divided among all ratios from 2 to 1,000.

What is common to both versions cancels out: load, the time of day, an outage of a database, a change of the weight.

Real requests are not independent, so the evidence is corrected before it is compared with its limit:

- **Retries.** One incident can show as three bad requests. How much more the counts scatter than chance explains is estimated as the release runs, from half-seconds next to each other on both sides, and evidence is divided by it. A burst after quiet counts as a few.
- **Scrapes.** Prometheus tells of many seconds at once, and of each pod at another time. Such counts are compared when stable has told of the same time, and what surrounds a sudden change as one. Durations come so, too: Envoy brings its histograms up to date every 5 s.
- **Pods.** Two good versions differ, because their pods do. The candidate must be worse by more than stable's pods differ, as far as the source counts by pod; a fifth is assumed where it does not.
- **Cold starts.** A version that may be twice as bad at first, three times as slow, and gets better with a time constant of half \`warmUp\`, is one of the explanations that the evidence has to beat.
- **Limits.** The same bet is laid against "no more than the limit", with a tenth of the stake. A limit that stable breaks is raised to twice what is usual for stable before a version fails by it, and what happens in an outage of stable is not held against it. Nothing passes over the limit that was given.
- **Later weights.** A twentieth of the stake is kept for evidence that begins anew at each weight and after each ten minutes of it, so that a fault which shows only there does not drown in what was good before.

A step passes when its time is over, \`minRequests\` were served, and nothing leans to worse. At first more is asked, as far as there is something to ask for: that the data favour a good version over one five times as bad, by up to 20 to 1. The longer the step is held, the less is asked; at the deadline only that the data don't favour harm 10 to 1.

Looks come every 50 ms just after a weight was observed, and up to a second apart later on. At 1,000 requests/s most of what fails, fails between two looks; looks that begin at 100 ms would miss the goal of 2.5 times the bound.`;

export const TRAFFIC = `## What is simulated

Requests come at random (Poisson), at 1 to 1,000 a second. The stable version fails 0.01% to 5% of them, the candidate 1.5 to 300 times as many, up to 95%. Schedules: 5% for 2 min, 40% for 5 min, 60% for 5 min (\`5-40-60\`); 10% to 50% in minutes (\`tens\`); 1%, 5%, 20% and 50% for 5 min each (\`careful\`); 20% for 2 min, 50% for 5 min (\`halves\`). Each step may be held 10 min longer (\`progressDeadline\`). Stable has three pods and was watched for 10 s before the candidate got traffic. Latency (\`slow\`) is the same with slow requests instead of failed ones, a limit, and longer cold starts.

To keep the run short, ratios below 3 are tried at powers of ten of the requests only, and nuisances with the kinds of traffic that differ most.

${table(
  ['Nuisance', 'What happens', 'Why as strong'],
  [
    [
      'retries',
      'each incident is three bad requests on one side within 0.1 s',
      "Envoy's default of two retries, and all fail",
    ],
    [
      'storms',
      'attempts until served: two on average, any number at times',
      'callers without a limit of retries',
    ],
    [
      'pods',
      "a pod's bad rate differs by 20% (standard deviation of the logarithm); not counted by pod",
      'nodes, zones, ages',
    ],
    ['uneven-pods', 'by 30%, counted by pod', 'more than is common: Songbird can see it'],
    [
      'wander',
      'load and bad rates of both sides wander by 50% within half a minute (AR(1))',
      'a busy shared database',
    ],
    ['daily', 'three times the load and twice the bad rate at the peak of the day', 'a consumer service'],
    ['outage', 'both sides fail 30% for 30 s, once in each release', 'a dependency restarts'],
    ['cold', 'each new pod fails twice as often at first, for about 10 s', 'connections open'],
    ['cold-latency', 'three times as many slow requests at first', 'caches and compilers'],
    ['scrape', 'counts of each side are up to 15 s old', "Prometheus as Istio's samples set it"],
    ['scraped-outage', 'outage and scrape together', "one side's scrape tells of the outage first"],
    ['scraped-retries', 'retries and scrape together', 'a few scrapes have to tell how bad requests cluster'],
    [
      'restarts',
      'every 2 min a pod of a side loses what it counted since the last read',
      'crashes, evictions',
    ],
    ['missing', 'every tenth read of a side fails', 'an overloaded network'],
    ['together', 'retries, pods, wander 30%, daily, restarts every 10 min, 2% missing', 'a bad day'],
  ],
)}`;

export const RIVALS = `## Rivals

As their documents and code define them, on the same traffic, with ideal scrapes. Weights rise by time for all; Flagger's failed check holds the weight. The limit is 1% errors for all of them.

${table(
  ['Rule', 'As here', 'From'],
  [
    [
      'flagger',
      'every 60 s the error rate of the last minute; after the first failed check (`threshold` 1) the next tick rolls back; no requests is a failed check',
      'defaults in `pkg/apis/flagger/v1beta1/canary.go`, order of `pkg/controller/scheduler.go`; `request-success-rate` ≥ 99',
    ],
    ['flagger-10s-2', 'every 10 s, two failed checks', 'the smallest interval'],
    [
      'argo-0, argo-1, argo-3',
      'every 60 s the error rate of the last minute; failure number `failureLimit` + 1 aborts',
      '`docs/features/analysis.md`; the default failureLimit is 0; the interval is the user’s',
    ],
    [
      'argo-5m',
      'every 5 min the rate of the last 5 min, failureLimit 0',
      'its examples of background analyses; their failureLimit of 3 would take 20 min to act',
    ],
    [
      'kayenta',
      'every minute, Mann-Whitney over all points of 10 s so far: confidence 98%, tolerance 0.25, direction increase',
      '`NetflixACAJudge`, `MannWhitneyClassifier`; examples have points of 60 s, a dozen in such a release',
    ],
    [
      'z-test',
      'every second, two proportions, 1% one-sided, from 5 bad requests on',
      'the textbook’s test for one look, peeked at',
    ],
  ],
)}`;

export const CANNOT = `## What it cannot do

- **Prove its 1% for real traffic.** The inequality holds for independent requests. Retries, pods and cold starts are corrected for by estimates, and that this is enough is measured here, with nuisances of these kinds and strengths. Other kinds exist.
- **Know incidents that last.** What comes in clusters of less than half a second counts once. A pod of a healthy version that fails everything for two seconds, or retries that come back to the same version after seconds, look like harm: with several of these in a release more than 1% are rolled back.
- **See what does not count.** Wrong answers with status 200, lost orders, rising memory: use metrics of your own.
- **See what hurts both versions.** A candidate that overloads a shared database fails stable's requests too; only an absolute limit speaks then, and stable's own errors raise it.
- **Compare at 100%.** At the last step there is no stable traffic. What is left is stable's share before, doubled. An outage of the whole service that begins there rolls the release back; one that began before keeps it from going there. Releases here end before that step. The fewer requests stable still has, the more this holds for other weights: of releases that a 30 s outage of 30% strikes at 99%, three in five are rolled back at 50 requests a second, none at 500; at 90% none at 50, and one in seven at 10.
- **Find slow poison.** A fault that begins after an hour is not in the data of the first ten minutes.
- **Find small harm soon.** Twice as bad is found late or not at all, see above.
- **Decide on next to nothing.** At 0.01% errors and few requests a second, most bad versions pass, as they would with any rule that leaves good ones alone.`;

export const RUN = `## Run it

\`\`\`sh
npm run bench:decisions -- --quick                          # a choice of cells, minutes
npm run bench:decisions -- --cell none/errors/5-40-60/100rps/1%/x10
npm run bench:decisions -- --json --seed 7 > lines.jsonl    # everything, an hour or two
npm run bench:decisions -- --write                          # everything, and this page
\`\`\`

A cell's result depends on the seed and its name alone. The exit code is 1 when a goal is missed. Code: [bench/decisions](../bench/decisions) and [src/analysis](../src/analysis).`;
