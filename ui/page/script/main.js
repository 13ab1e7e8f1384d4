// Begins the page, once its HTML is there.

import { watchAccount } from "./account.js";
import { watchActions } from "./actions.js";
import { watchAppearance } from "./appearance.js";
import { beginChoices, watchChoices } from "./choices.js";
import { watchComposer, whenSent } from "./composer.js";
import { begin } from "./conversation.js";
import { mountConversations, refresh } from "./conversations.js";
import { watchConversationMenu } from "./conversation_menu.js";
import { watchKeys } from "./keys.js";
import { watchPanels } from "./panels.js";
import { watchScrolling } from "./scrolling.js";
import { watchSizes } from "./sizes.js";
import { loadTitle, watchOlder, watchPresses } from "./thread.js";
import { watchUploads } from "./uploads.js";

watchAppearance();
beginChoices();
mountConversations();
watchPanels();
watchKeys();
watchChoices();
watchSizes();
watchComposer();
watchUploads();
watchActions();
watchScrolling();
watchConversationMenu();
whenSent((conversation) => {
  refresh();
  loadTitle(conversation);
});
begin();
watchAccount();
watchOlder();
watchPresses();
