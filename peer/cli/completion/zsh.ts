import type { Completes } from "../command.ts";
import { type CompletedOption, type CompletionModel, isTold, quoted } from "./model.ts";

/** The completion script for zsh: a file `_p2pchat` in a directory of `fpath`, or evaluated behind `compinit`. */
export function zshScript(model: CompletionModel): string {
  return `#compdef p2pchat
# p2pchat completion for zsh: eval "$(p2pchat completion zsh)" behind compinit in ~/.zshrc

_p2pchat() {
  local word command= option= i
  local -i place=0
  local -a profile
  for ((i = 2; i < CURRENT; i++)); do
    word=\${words[i]}
    if [[ -n $option ]]; then
      case $option in (--profile|--home) profile+=("$option" "$word") ;; esac
      option=
    elif [[ $word == -- ]]; then
      return
    elif [[ $word == -* ]]; then
      case $word in (${model.valued.join("|")}) option=$word ;; esac
    elif [[ -z $command ]]; then
      command=$word
    else
      place+=1
    fi
  done
  if [[ -z $option && \${words[CURRENT]} == --*=* ]]; then
    option=\${words[CURRENT]%%=*}
    compset -P '*='
  fi
  if [[ -n $option ]]; then
    case $command:$option in
${model.commands.flatMap(({ name, options }) => casesOf(name, options)).join("\n")}
${casesOf("*", model.globals).join("\n")}
    esac
  elif [[ \${words[CURRENT]} == -* ]]; then
    local -a options=(
${model.globals.map(described).join("\n")}
    )
    case $command in
${model.commands
  .filter(({ options }) => options.length > 0)
  .map(({ name, options }) => `      (${name}) options+=(\n${options.map(described).join("\n")}\n      ) ;;`)
  .join("\n")}
    esac
    _describe -o option options
  elif [[ -z $command ]]; then
    local -a commands=(
${model.commands.map(({ name, summary }) => `      ${quoted(`${name}:${summary}`)}`).join("\n")}
    )
    _describe command commands
  else
    case $command:$place in
${model.commands
  .flatMap(({ name, positionals }) =>
    positionals.flatMap((completes, place) =>
      completes === undefined ? [] : [`      (${name}:${place}) ${offer(completes)} ;;`],
    ),
  )
  .join("\n")}
    esac
  fi
}

_p2pchat_told() {
  local -a told=(\${(f)"$(p2pchat "\${profile[@]}" completion "$1" 2>/dev/null)"})
  compadd -a told
}

if [[ \${funcstack[1]} == _p2pchat ]]; then _p2pchat "$@"; else compdef _p2pchat p2pchat; fi
`;
}

function casesOf(command: string, options: readonly CompletedOption[]): readonly string[] {
  return options.flatMap(({ flag, completes }) =>
    completes === undefined ? [] : [`      (${command}:${flag}) ${offer(completes)} ;;`],
  );
}

function described({ flag, describe }: CompletedOption): string {
  return `      ${quoted(`${flag}:${describe}`)}`;
}

function offer(completes: Completes): string {
  if (isTold(completes)) return `_p2pchat_told ${completes}`;
  if (completes === "file") return "_files";
  return completes === "directory" ? "_files -/" : `compadd -- ${completes.join(" ")}`;
}
