// The pages of a signed-in user, by their addresses, with the links between them.

import * as overview from "./overview.js";

export const pages = [["/dashboard/account", overview]];
export const links = [["/dashboard/account", "account-overview"]];
