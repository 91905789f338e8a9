// How a project's progress and gifts look, in the list and on its page.

import { html } from "../vendor/preact.js";
import { formatDate, formatMoney, formatPercent } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { Progress } from "./states.js";

export const CATEGORIES = ["education", "healthcare", "mosque", "water", "orphanage", "general"];

/** Return whether the project takes gifts. */
export const isOpen = ({ active, progress }) => active && progress < 1;

export const GiveLink = ({ project }) =>
  isOpen(project) && html`<a href=${`/dashboard/projects/${project.id}/give`} class="give" aria-label=${`${t("give")}: ${project.name}`}>${t("give")}</a>`;

export const ProjectProgress = ({ project }) =>
  html`<${Progress} label=${t("progress-of", { name: project.name })} value=${project.progress}
    text=${html`<span>${t("raised-of", { raised: formatMoney(project.raised, project.currency), goal: formatMoney(project.fundingGoal, project.currency), percent: formatPercent(project.progress) })}</span>
      <span>${t("donors", { count: project.donorCount })}</span>`} />`;

export const Gift = ({ gift }) =>
  html`<li>
    <strong>${formatMoney(gift.amount, gift.currency)}</strong>
    <bdi>${gift.donorName || t("anonymous")}</bdi>
    <time datetime=${gift.createdAt}>${formatDate(gift.createdAt)}</time>
  </li>`;
