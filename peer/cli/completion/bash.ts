import type { Completes } from "../command.ts";
import type { CompletedOption, CompletionModel } from "./model.ts";

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
    if [[ -n $option ]]; then
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

_p2pchat_contacts() {
  COMPREPLY=($(compgen -W "$(p2pchat "\${profile[@]}" completion contacts 2>/dev/null)" -- "$cur"))
}

_p2pchat_paths() {
  local IFS=$'\\n'
  compopt -o filenames 2>/dev/null
  COMPREPLY=($(compgen "$1" -- "$cur"))
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
  if (completes === "contact") return "_p2pchat_contacts";
  if (completes === "file") return "_p2pchat_paths -f";
  if (completes === "directory") return "_p2pchat_paths -d";
  return words(completes);
}

function words(list: readonly string[]): string {
  return `COMPREPLY=($(compgen -W '${list.join(" ")}' -- "$cur"))`;
}
