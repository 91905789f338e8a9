// The pages of officers, by their addresses, with the links between them.

import * as overview from "./overview.js";

export const pages = [["/dashboard/staff", overview]];
export const links = [["/dashboard/staff", "staff-overview"]];
