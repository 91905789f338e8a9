// The pages of admins, by their addresses, with the links between them.

import * as audit from "./audit.js";
import * as jobs from "./jobs.js";
import * as overview from "./overview.js";
import * as payout from "./payout.js";
import * as payouts from "./payouts.js";
import * as prices from "./prices.js";
import * as users from "./users.js";

export const pages = [
  ["/dashboard/admin", overview],
  ["/dashboard/admin/users", users],
  ["/dashboard/admin/prices", prices],
  ["/dashboard/admin/payouts", payouts],
  ["/dashboard/admin/payouts/:id", payout],
  ["/dashboard/admin/audit", audit],
  ["/dashboard/admin/jobs", jobs],
];
export const links = [
  ["/dashboard/admin", "admin-overview"],
  ["/dashboard/admin/users", "admin-users"],
  ["/dashboard/admin/prices", "admin-prices"],
  ["/dashboard/admin/payouts", "admin-payouts"],
  ["/dashboard/admin/audit", "admin-audit"],
  ["/dashboard/admin/jobs", "admin-jobs"],
];
