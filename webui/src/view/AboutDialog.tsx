// What this file is: its model, its engine, and what it does with what is written.

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { type About, about } from "../server/about";
import { ui } from "../state/page";
import { number, t } from "../words";
import { Dialog } from "./Dialog";

export default function AboutDialog() {
  const [told, setTold] = useState<About | null>(null);
  const [silent, setSilent] = useState(false);
  useEffect(() => void about().then(setTold, () => setSilent(true)), []);
  return (
    <Dialog title={t("about")}>
      <section>
        <h3>{t("privacy")}</h3>
        <p>{t("privacyHelp", { host: location.host })}</p>
      </section>
      {silent && <p class="wrong">{t("gone")}</p>}
      {told && <ModelFacts {...told} />}
      {told && <EngineFacts {...told} />}
      {told && <FileFacts {...told} />}
    </Dialog>
  );
}

function ModelFacts({ model }: About) {
  return (
    <section>
      <h3>{t("model")}</h3>
      <dl>
        <Fact name={t("name")}>{model.name}</Fact>
        <Fact name={t("author")}>{model.author || t("notStated")}</Fact>
        <Fact name={t("license")}>{model.license || t("notStated")}</Fact>
        <Fact name={t("parameters")}>
          {number(model.parameters)} ({[model.architecture, model.file_type].filter(Boolean).join(", ")})
        </Fact>
        <Fact name={t("size")}>{number(model.size / 1e6, 1)} MB</Fact>
        {ui.value.context_size && (
          <Fact name={t("context")}>{t("tokens", { count: number(ui.value.context_size) })}</Fact>
        )}
        <Fact name={t("source")}>
          {[model.source, ...Object.entries(model.origin).map(([key, value]) => `${key}: ${value}`)].map((line) => (
            <div key={line}>{line}</div>
          ))}
        </Fact>
        <Fact name={t("checksum")}>
          <code dir="ltr">{model.sha256}</code>
        </Fact>
      </dl>
      {model.license_text && (
        <details>
          <summary>{t("licenseText")}</summary>
          <pre class="text" tabIndex={0} dir="auto">
            {model.license_text}
          </pre>
        </details>
      )}
    </section>
  );
}

function EngineFacts({ engine }: About) {
  return (
    <section>
      <h3>{t("engine")}</h3>
      <dl>
        <Fact name={t("engine")}>
          {engine.name} {engine.commit}
        </Fact>
        <Fact name={t("backend")}>{engine.backend}</Fact>
        {engine.why.length > 0 && (
          <Fact name={t("why")}>
            {engine.why.map((line) => (
              <div key={line} dir="ltr">
                {line}
              </div>
            ))}
          </Fact>
        )}
      </dl>
    </section>
  );
}

function FileFacts({ dist, runtime }: About) {
  return (
    <section>
      <h3>{t("file")}</h3>
      {dist.description && <p dir="auto">{dist.description}</p>}
      <dl>
        <Fact name={t("name")}>
          {dist.name} {dist.version} ({dist.target})
        </Fact>
        <Fact name={t("version_")}>
          Pannier {runtime.pannier}, Python {runtime.python}
        </Fact>
        <Fact name={t("checksum")}>
          <code dir="ltr">{dist.manifest_sha256}</code>
        </Fact>
      </dl>
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
