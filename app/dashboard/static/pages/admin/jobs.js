import { html } from "../../vendor/preact.js";
import { Figures } from "../../components/card.js";
import { Heading } from "../../components/heading.js";
import { Failure, Skeleton } from "../../components/states.js";
import { Table } from "../../components/table.js";
import { get } from "../../lib/api.js";
import { formatDate, formatNumber } from "../../lib/format.js";
import { t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";

export const title = "admin-jobs";

const seconds = (count) => t("admin-seconds", { count: formatNumber(count, { maximumFractionDigits: 1 }) });

export default function Jobs() {
  const loaded = useResource((signal) => get("/jobs", {}, { signal }));
  return html`<${Heading} intro=${t("admin-jobs-intro")}>${t("admin-jobs")}</${Heading}>
    ${loaded.error && html`<${Failure} error=${loaded.error} onRetry=${loaded.reload} />`}
    ${!loaded.error && !loaded.value && html`<${Skeleton} lines=${8} />`}
    ${loaded.value && html`<${Queue} queue=${loaded.value.queue} /><${Runs} jobs=${loaded.value.jobs} />
      <p><button type="button" class="secondary" aria-busy=${loaded.isLoading ? "true" : undefined} onClick=${loaded.reload}>${t("admin-refresh")}</button></p>`}`;
}

function Queue({ queue }) {
  const figures = ["workers", "waiting", "running", "failed"].map((name) => [t(`admin-queue-${name}`), formatNumber(queue[name])]);
  return html`${queue.workers === 0 && html`<p class="banner warning" role="alert">${t("admin-no-worker")}</p>`}
    <${Figures} items=${[...figures, [t("admin-queue-wait"), seconds(queue.longestWait)]]} />`;
}

function Runs({ jobs }) {
  const outcome = ({ lastRun, failed }) => html`${lastRun ? t(`admin-outcome-${lastRun.outcome}`) : t("admin-never")}
    ${lastRun?.error && html`<br /><small dir="ltr">${lastRun.error}</small>`}${failed > 0 && html`<br /><small>${t("admin-failed-for-good", { count: failed })}</small>`}`;
  const row = (job) => [
    html`<code dir="ltr">${job.name}</code>`,
    job.schedule ? html`<code dir="ltr">${job.schedule}</code>` : t("admin-when-needed"),
    job.lastRun ? formatDate(job.lastRun.startedAt, { dateStyle: "medium", timeStyle: "short" }) : "–",
    job.lastRun ? seconds(job.lastRun.duration) : "–",
    outcome(job),
  ];
  const columns = [[t("admin-job")], [t("admin-schedule")], [t("admin-last-run")], [t("admin-duration"), "number"], [t("admin-outcome")]];
  return html`<${Table} label=${t("admin-jobs")} columns=${columns} rows=${jobs.map(row)} />`;
}
