// A field for JSON or a grammar, which says when what is in it is none.

interface Props {
  name: string;
  label: string;
  help?: string;
  rows: number;
  placeholder: string;
  value: string;
  /** What is wrong with it; empty while nothing is. */
  wrong: string;
  onInput: (value: string) => void;
}

export function CodeField({ name, label, help, rows, placeholder, value, wrong, onInput }: Props) {
  return (
    <div class="setting wide">
      <label for={`set-${name}`}>{label}</label>
      {help && <p>{help}</p>}
      <textarea
        id={`set-${name}`}
        class="mono"
        dir="ltr"
        rows={rows}
        spellcheck={false}
        aria-invalid={wrong !== ""}
        aria-describedby={`help-${name}`}
        placeholder={placeholder}
        value={value}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      <p id={`help-${name}`} class={wrong ? "wrong" : ""}>
        {wrong}
      </p>
    </div>
  );
}
