import {
  ActionBarPrimitive,
  AssistantRuntimeProvider,
  AuiIf,
  BranchPickerPrimitive,
  ComposerPrimitive,
  MessagePrimitive,
  ThreadPrimitive,
  useAuiState,
  useLocalRuntime,
  type ThreadMessageLike,
} from "@assistant-ui/react";
import { createRoot } from "react-dom/client";
import { limner, reopen } from "./limner";
import "./style.css";

async function copy(image: string) {
  const picture = await createImageBitmap(await (await fetch(image)).blob());
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  canvas.getContext("2d")!.drawImage(picture, 0, 0);
  // of all formats, browsers put only PNG on the clipboard
  const png = await canvas.convertToBlob({ type: "image/png" });
  await navigator.clipboard.write([new ClipboardItem({ "image/png": png })]);
}

function Picture({ image, filename = "picture" }: { image: string; filename?: string }) {
  return (
    <figure>
      <img src={image} alt={filename} />
      <figcaption>
        <a href={image} download={filename}>Download</a>
        <button onClick={() => copy(image)}>Copy</button>
      </figcaption>
    </figure>
  );
}

// What stands in the place of a picture that is not there, and of which Limner says nothing.
function Outcome() {
  const outcome = useAuiState(({ message: { content, status } }) => {
    if (content.length || !status) return "";
    if (status.type === "running") return "Making the picture…";
    const stopped = status.type === "incomplete" && status.reason === "cancelled";
    return stopped ? "The picture was stopped." : "The server cannot be reached: try again in a moment.";
  });
  return outcome && <p role="status">{outcome}</p>;
}

function Message({ role }: { role: string }) {
  return (
    <MessagePrimitive.Root className={role}>
      <MessagePrimitive.Parts>
        {({ part }) => {
          if (part.type === "image") return <Picture {...part} />;
          return part.type === "text" ? <p>{part.text}</p> : null;
        }}
      </MessagePrimitive.Parts>
      <Outcome />
      {role === "assistant" && (
        <ActionBarPrimitive.Root hideWhenRunning>
          <ActionBarPrimitive.Reload>Regenerate</ActionBarPrimitive.Reload>
          <BranchPickerPrimitive.Root hideWhenSingleBranch>
            <BranchPickerPrimitive.Previous aria-label="Previous picture">‹</BranchPickerPrimitive.Previous>
            <BranchPickerPrimitive.Number /> of <BranchPickerPrimitive.Count />
            <BranchPickerPrimitive.Next aria-label="Next picture">›</BranchPickerPrimitive.Next>
          </BranchPickerPrimitive.Root>
        </ActionBarPrimitive.Root>
      )}
    </MessagePrimitive.Root>
  );
}

function App({ messages }: { messages: ThreadMessageLike[] }) {
  return (
    <AssistantRuntimeProvider runtime={useLocalRuntime(limner, { initialMessages: messages })}>
      <ThreadPrimitive.Root className="thread">
        <ThreadPrimitive.Viewport className="messages">
          <ThreadPrimitive.Messages>{({ message }) => <Message role={message.role} />}</ThreadPrimitive.Messages>
        </ThreadPrimitive.Viewport>
        <ComposerPrimitive.Root>
          <ComposerPrimitive.Input aria-label="Prompt" placeholder="Describe a picture" autoFocus />
          <AuiIf condition={({ thread }) => !thread.isRunning}>
            <ComposerPrimitive.Send>Create</ComposerPrimitive.Send>
          </AuiIf>
          <AuiIf condition={({ thread }) => thread.isRunning}>
            <ComposerPrimitive.Cancel>Stop</ComposerPrimitive.Cancel>
          </AuiIf>
        </ComposerPrimitive.Root>
      </ThreadPrimitive.Root>
    </AssistantRuntimeProvider>
  );
}

createRoot(document.getElementById("root")!).render(<App messages={await reopen()} />);
