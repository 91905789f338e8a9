// The pages of officers, by their addresses, with the links between them.

import * as application from "./application.js";
import * as applications from "./applications.js";
import * as donation from "./donation.js";
import * as donations from "./donations.js";
import * as exception from "./exception.js";
import * as exceptions from "./exceptions.js";
import * as overview from "./overview.js";
import * as project from "./project.js";
import * as projects from "./projects.js";
import * as vendors from "./vendors.js";

export const pages = [
  ["/dashboard/staff", overview],
  ["/dashboard/staff/applications", applications],
  ["/dashboard/staff/applications/:id", application],
  ["/dashboard/staff/projects", projects],
  ["/dashboard/staff/projects/:id", project],
  ["/dashboard/staff/vendors", vendors],
  ["/dashboard/staff/donations", donations],
  ["/dashboard/staff/donations/:id", donation],
  ["/dashboard/staff/exceptions", exceptions],
  ["/dashboard/staff/exceptions/:id", exception],
];
export const links = [
  ["/dashboard/staff", "staff-overview"],
  ["/dashboard/staff/applications", "staff-applications"],
  ["/dashboard/staff/projects", "projects"],
  ["/dashboard/staff/vendors", "staff-vendors"],
  ["/dashboard/staff/donations", "staff-donations"],
  ["/dashboard/staff/exceptions", "staff-exceptions"],
];
