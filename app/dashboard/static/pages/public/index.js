// The pages for everybody, by their addresses.

import * as confirmEmail from "./confirm-email.js";
import * as fitr from "./fitr.js";
import * as forgotPassword from "./forgot-password.js";
import * as give from "./give.js";
import * as missedYears from "./missed-years.js";
import * as murabaha from "./murabaha.js";
import * as project from "./project.js";
import * as projects from "./projects.js";
import * as register from "./register.js";
import * as resetPassword from "./reset-password.js";
import * as signIn from "./sign-in.js";
import * as zakat from "./zakat.js";

export const pages = [
  ["/dashboard", projects],
  ["/dashboard/projects/:id", project],
  ["/dashboard/projects/:id/give", give],
  ["/dashboard/zakat", zakat],
  ["/dashboard/zakat/missed-years", missedYears],
  ["/dashboard/zakat/fitr", fitr],
  ["/dashboard/murabaha", murabaha],
  ["/dashboard/sign-in", signIn],
  ["/dashboard/register", register],
  ["/dashboard/forgot-password", forgotPassword],
  ["/reset-password", resetPassword],
  ["/confirm-email", confirmEmail],
];
