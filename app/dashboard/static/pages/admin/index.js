// The pages of admins, by their addresses, with the links between them.

import * as overview from "./overview.js";

export const pages = [["/dashboard/admin", overview]];
export const links = [["/dashboard/admin", "admin-overview"]];
