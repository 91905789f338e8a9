// The pages of a signed-in user, by their addresses, with the links between them.

import * as application from "./application.js";
import * as apply from "./apply.js";
import * as documents from "./documents.js";
import * as financing from "./financing.js";
import * as gifts from "./gifts.js";
import * as overview from "./overview.js";
import * as settings from "./settings.js";
import * as zakat from "./zakat.js";

export const pages = [
  ["/dashboard/account", overview],
  ["/dashboard/account/gifts", gifts],
  ["/dashboard/account/zakat", zakat],
  ["/dashboard/account/financing", financing],
  ["/dashboard/account/financing/new", apply],
  ["/dashboard/account/financing/:id", application],
  ["/dashboard/account/documents", documents],
  ["/dashboard/account/settings", settings],
];
export const links = [
  ["/dashboard/account", "account-overview"],
  ["/dashboard/account/gifts", "account-gifts"],
  ["/dashboard/account/zakat", "account-zakat"],
  ["/dashboard/account/financing", "account-financing"],
  ["/dashboard/account/documents", "account-documents"],
  ["/dashboard/account/settings", "account-settings"],
];
