import type { Completes } from "../command.ts";
import { type CompletedOption, type CompletionModel, isTold } from "./model.ts";

/** The completion script for bash 3.2 and newer, which needs nothing else installed. */
export function bashScript(model: CompletionModel): string {
  const names = model.commands.map(({ name }) => name);
  return `# p2pchat completion for bash: eval "$(p2pchat completion bash)" in ~/.bashrc

_p2pchat() {
  local cur=\${COMP_WORDS[COMP_CWORD]} word command= place=0 option= i
  local profile=()
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ $word == = ]]; then
      option=\${COMP_WORDS[i - 1]}
    elif [[ -n $option ]]; then
      case $option in --profile | --home) profile+=("$option" "$word") ;; esac
      option=
    elif [[ $word == -- ]]; then
      return
    elif [[ $word == -* ]]; then
      case $word in ${model.valued.join(" | ")}) option=$word ;; esac
    elif [[ -z $command ]]; then
      command=$word
    else
      place=$((place + 1))
    fi
  done
  if [[ $cur == = ]]; then
    option=\${COMP_WORDS[COMP_CWORD - 1]}
    cur=
  fi
  if [[ -n $option ]]; then
    case $command:$option in
${optionCases(model)}
    esac
  elif [[ $cur == -* ]]; then
    case $command in
${model.commands.map(({ name, options }) => `      ${name}) ${words([...options, ...model.globals].map(({ flag }) => flag))} ;;`).join("\n")}
      *) ${words(model.globals.map(({ flag }) => flag))} ;;
    esac
  elif [[ -z $command ]]; then
    ${words(names)}
  else
    case $command:$place in
${positionalCases(model)}
    esac
  fi
}

# Words from elsewhere are never read as anything but words: compgen -W would run what stands in them.
_p2pchat_told() {
  local told
  while IFS= read -r told; do
    if [[ -n $told && $told == "$cur"* && $told != *[!A-Za-z0-9._-]* ]]; then COMPREPLY+=("$told"); fi
  done < <(p2pchat "\${profile[@]}" completion "$1" 2>/dev/null)
}

_p2pchat_paths() {
  local path
  compopt -o filenames 2>/dev/null
  while IFS= read -r path; do COMPREPLY+=("$path"); done < <(compgen "$1" -- "$cur")
}

complete -F _p2pchat p2pchat
`;
}

function optionCases({ commands, globals }: CompletionModel): string {
  const lines = commands.flatMap(({ name, options }) => casesOf(name, options));
  return [...lines, ...casesOf("*", globals)].join("\n");
}

function casesOf(command: string, options: readonly CompletedOption[]): readonly string[] {
  return options.flatMap(({ flag, completes }) =>
    completes === undefined ? [] : [`      ${command}:${flag}) ${offer(completes)} ;;`],
  );
}

function positionalCases({ commands }: CompletionModel): string {
  const lines = commands.flatMap(({ name, positionals }) =>
    positionals.flatMap((completes, place) =>
      completes === undefined ? [] : [`      ${name}:${place}) ${offer(completes)} ;;`],
    ),
  );
  return lines.join("\n");
}

function offer(completes: Completes): string {
  if (isTold(completes)) return `_p2pchat_told ${completes}`;
  if (completes === "file") return "_p2pchat_paths -f";
  if (completes === "directory") return "_p2pchat_paths -d";
  return words(completes);
}

function words(list: readonly string[]): string {
  return `COMPREPLY=($(compgen -W '${list.join(" ")}' -- "$cur"))`;
}
