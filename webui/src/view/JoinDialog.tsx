// How other devices in the network find this page.

import { encode } from "uqr";
import { ui } from "../state/page";
import { t } from "../words";
import { useCopy } from "./copying";
import { Dialog } from "./Dialog";
import { IconButton } from "./Button";

export default function JoinDialog() {
  return (
    <Dialog title={t("join")}>
      <p>{t("joinHelp")}</p>
      {ui.value.addresses.map((address) => (
        <Address key={address} address={address} />
      ))}
    </Dialog>
  );
}

function Address({ address }: { address: string }) {
  const [copied, copyIt] = useCopy(() => address);
  return (
    <div class="address">
      <Code text={address} />
      <p class="row">
        <a href={address} dir="ltr">
          {address}
        </a>
        <IconButton icon={copied ? "done" : "copy"} label={t(copied ? "copied" : "copy")} onClick={copyIt} />
      </p>
    </div>
  );
}

function Code({ text }: { text: string }) {
  const { data, size } = encode(text, { border: 3 });
  const squares = data.flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x} ${y}h1v1h-1z`] : [])));
  return (
    <svg class="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={t("qrCode", { address: text })}>
      <rect width={size} height={size} fill="#fff" />
      <path d={squares.join("")} fill="#000" shape-rendering="crispEdges" />
    </svg>
  );
}
