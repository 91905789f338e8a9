import { html, useSignal } from "../../vendor/preact.js";
import { Card } from "../../components/card.js";
import { SelectField } from "../../components/fields.js";
import { Heading } from "../../components/heading.js";
import { CATEGORIES, Gift, GiveLink, ProjectProgress } from "../../components/project.js";
import { Empty, Failure, Skeleton } from "../../components/states.js";
import { get } from "../../lib/api.js";
import { t } from "../../lib/i18n.js";
import { useResource } from "../../lib/resource.js";

export const title = "projects";
const GIFTS = 3;

export default function Projects() {
  const category = useSignal("");
  const limit = useSignal(12);
  const query = { category: category.value, limit: limit.value };
  const projects = useResource((signal) => get("/waqf/projects", query, { signal }), [category.value, limit.value]);
  const options = [["", t("all-categories")], ...CATEGORIES.map((name) => [name, t(`category-${name}`)])];
  const choose = (event) => (category.value = event.target.value);
  return html`<${Heading} intro=${t("projects-intro")}>${t("projects")}</${Heading}>
    <div class="filters"><${SelectField} name="category" label=${t("category")} options=${options} value=${category.value} onChange=${choose} /></div>
    <${List} projects=${projects} onMore=${() => (limit.value = Math.min(limit.value + 12, 100))} />`;
}

function List({ projects: { value, error, isLoading, reload }, onMore }) {
  if (error) return html`<${Failure} error=${error} onRetry=${reload} />`;
  if (!value) return html`<div class="cards">${[1, 2, 3].map(() => html`<article><${Skeleton} lines=${8} /></article>`)}</div>`;
  if (!value.data.length) return html`<${Empty} title=${t("no-projects")}>${t("no-projects-hint")}</${Empty}>`;
  return html`<div class="cards" aria-busy=${isLoading ? "true" : undefined}>${value.data.map((project) => html`<${Project} key=${project.id} project=${project} />`)}</div>
    ${value.pagination.next && html`<p><button type="button" class="secondary" onClick=${onMore}>${t("more")}</button></p>`}`;
}

function Project({ project }) {
  const address = `/dashboard/projects/${project.id}`;
  const footer = html`<a href=${address} aria-label=${`${t("open-ledger")}: ${project.name}`}>${t("open-ledger")}</a> <${GiveLink} project=${project} />`;
  return html`<${Card} class="project" footer=${footer}>
    <p class="tag">${t(`category-${project.category}`)}${!project.active && ` · ${t("closed")}`}</p>
    <h2><a href=${address}><bdi>${project.name}</bdi></a></h2>
    <p dir="auto">${project.description}</p>
    <${ProjectProgress} project=${project} />
    <${LastGifts} project=${project} />
  </${Card}>`;
}

function LastGifts({ project }) {
  const gifts = useResource((signal) => get(`/waqf/projects/${project.id}/donations`, { limit: GIFTS }, { signal }), [project.id]);
  if (gifts.error) return null;
  return html`<div class="gifts"><h3>${t("last-gifts")}</h3>
    ${!gifts.value && html`<${Skeleton} lines=${1} />`}
    ${gifts.value?.data.length === 0 && html`<p>${t("no-gifts")}</p>`}
    <ul>${gifts.value?.data.map((gift) => html`<${Gift} gift=${gift} />`)}</ul></div>`;
}
