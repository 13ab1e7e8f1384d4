// Begins the page, once its HTML is there.

import { watchActions } from "./actions.js";
import { watchAppearance } from "./appearance.js";
import { beginChoices, watchChoices } from "./choices.js";
import { watchComposer, whenSent } from "./composer.js";
import { begin } from "./conversation.js";
import { mountConversations, refresh } from "./conversations.js";
import { watchConversationMenu } from "./conversation_menu.js";
import { watchPanels } from "./panels.js";
import { watchScrolling } from "./scrolling.js";
import { watchSizes } from "./sizes.js";
import { loadTitle, watchOlder } from "./thread.js";
import { watchUploads } from "./uploads.js";

watchAppearance();
beginChoices();
mountConversations();
watchPanels();
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
watchOlder();
