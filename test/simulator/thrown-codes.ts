import path from 'node:path';
import ts from 'typescript';

/** What the source of the simulator says about one action. */
export interface ThrownCodes {
  /** Error codes that the action, or anything that it calls, can throw, with where (`file:line`). */
  readonly codes: ReadonlyMap<string, string>;
  /** Errors whose code cannot be told from the source. */
  readonly unclear: readonly string[];
}

type Functional = ts.FunctionDeclaration | ts.ArrowFunction | ts.FunctionExpression | ts.MethodDeclaration;
/** What the parameters of a function stand for in one call of it. */
type Bindings = ReadonlyMap<ts.Symbol, { readonly expression: ts.Expression; readonly within: Bindings }>;

const nothing: Bindings = new Map();
const codeForm = /^[A-Z][A-Za-z0-9]+(\.[A-Za-z0-9]+)*$/;

/**
 * Reads from the source which error codes every action of the simulator can throw: each `new ApiError(code, …)` in the action's
 * function and in all that it calls, with the codes that callers pass on. What is in a `try` that has a `catch` does not count.
 */
export function thrownCodes(root: string): Map<string, ThrownCodes> {
  const configuration = ts.readConfigFile(path.join(root, 'tsconfig.json'), (name) => ts.sys.readFile(name))
    .config as unknown;
  const { options } = ts.parseJsonConfigFileContent(configuration, ts.sys, root);
  const entry = path.join(root, 'simulator', 'actions.ts');
  const program = ts.createProgram([entry], { ...options, noEmit: true });
  const reader = new Reader(program.getTypeChecker(), path.join(root, 'simulator'));
  const source = program.getSourceFile(entry);
  if (source === undefined) throw new Error(`${entry} is not there`);
  return reader.actionsOf(source);
}

class Reader {
  constructor(
    private readonly checker: ts.TypeChecker,
    private readonly folder: string,
  ) {}

  actionsOf(source: ts.SourceFile): Map<string, ThrownCodes> {
    const [exported] = this.checker.getExportsOfModule(this.checker.getSymbolAtLocation(source)!);
    const found = new Map<string, ThrownCodes>();
    for (const [name, action] of this.entries(initializerOf(exported))) {
      const walk = new Walk(this.checker, this.folder);
      walk.enter(action, nothing);
      found.set(name, walk);
    }
    return found;
  }

  /** The properties of an object literal and of those that it spreads, with the functions that they name. */
  private entries(expression: ts.Expression | undefined): [string, Functional][] {
    if (expression === undefined || !ts.isObjectLiteralExpression(expression)) throw new Error('not an object literal');
    return expression.properties.flatMap((property): [string, Functional][] => {
      if (ts.isSpreadAssignment(property))
        return this.entries(initializerOf(symbolOf(this.checker, property.expression)));
      const value = ts.isShorthandPropertyAssignment(property)
        ? this.checker.getShorthandAssignmentValueSymbol(property)
        : ts.isPropertyAssignment(property)
          ? symbolOf(
              this.checker,
              // What an action is made by is read instead of it.
              ts.isCallExpression(property.initializer) ? property.initializer.expression : property.initializer,
            )
          : undefined;
      const action = functionOf(this.checker, value);
      if (action === undefined) throw new Error(`${property.getText()} is no function`);
      return [[property.name.getText(), action]];
    });
  }
}

class Walk implements ThrownCodes {
  readonly codes = new Map<string, string>();
  readonly unclear: string[] = [];
  private readonly entered = new Set<string>();

  constructor(
    private readonly checker: ts.TypeChecker,
    private readonly folder: string,
  ) {}

  enter(called: Functional, bindings: Bindings): void {
    const file = called.getSourceFile();
    if (!file.fileName.startsWith(this.folder)) return;
    const values = [...bindings].map(([symbol, { expression, within }]) => {
      return `${symbol.name}=${[...this.textsOf(expression, within)].join('|')}`;
    });
    const key = `${file.fileName}:${called.pos}(${values.join()})`;
    if (this.entered.has(key)) return;
    this.entered.add(key);
    if (called.body !== undefined) this.visit(called.body, bindings);
  }

  private visit(node: ts.Node, bindings: Bindings): void {
    if (ts.isTypeNode(node)) return;
    if (ts.isTryStatement(node) && node.catchClause !== undefined) {
      this.visit(node.catchClause, bindings);
      return;
    }
    if (ts.isNewExpression(node) && node.expression.getText() === 'ApiError') this.thrown(node, bindings);
    if (ts.isCallExpression(node)) this.call(node, bindings);
    // A function that is handed on will be called.
    else if (ts.isIdentifier(node) && !isCallee(node)) {
      const handedOn = functionOf(this.checker, symbolOf(this.checker, node));
      if (handedOn !== undefined && isTopLevel(handedOn)) this.enter(handedOn, nothing);
    }
    ts.forEachChild(node, (child) => {
      this.visit(child, bindings);
    });
  }

  private call(node: ts.CallExpression, bindings: Bindings): void {
    const called = functionOf(this.checker, symbolOf(this.checker, node.expression));
    // What is defined within the function is visited with it.
    if (called === undefined || !isTopLevel(called)) return;
    const inner = new Map<ts.Symbol, { expression: ts.Expression; within: Bindings }>();
    called.parameters.forEach((parameter, index) => {
      if (!ts.isIdentifier(parameter.name)) return;
      const symbol = this.checker.getSymbolAtLocation(parameter.name)!;
      const given = node.arguments[index];
      if (given !== undefined) inner.set(symbol, { expression: given, within: bindings });
      else if (parameter.initializer) inner.set(symbol, { expression: parameter.initializer, within: nothing });
    });
    this.enter(called, inner);
  }

  private thrown(node: ts.NewExpression, bindings: Bindings): void {
    const file = node.getSourceFile();
    const where = `${path.basename(file.fileName)}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
    const texts = this.textsOf(node.arguments![0]!, bindings);
    for (const text of texts) {
      if (codeForm.test(text)) this.codes.set(text, where);
      else this.unclear.push(`${where}: ${text}`);
    }
    if (texts.size === 0) this.unclear.push(`${where}: ${node.arguments![0]!.getText()}`);
  }

  /** The texts that an expression may be, as far as they are written in the source; a template is given as it is written. */
  private textsOf(node: ts.Expression, bindings: Bindings): Set<string> {
    if (ts.isStringLiteralLike(node)) return new Set([node.text]);
    if (ts.isTemplateExpression(node)) return new Set([node.getText()]);
    if (ts.isParenthesizedExpression(node) || ts.isNonNullExpression(node) || ts.isAsExpression(node))
      return this.textsOf(node.expression, bindings);
    if (ts.isConditionalExpression(node))
      return union(this.textsOf(node.whenTrue, bindings), this.textsOf(node.whenFalse, bindings));
    if (ts.isBinaryExpression(node)) {
      // What a caller has named is not replaced by the usual one.
      const named = ts.isPropertyAccessExpression(node.left) ? this.textsOf(node.left, bindings) : new Set<string>();
      return named.size > 0 ? named : union(this.textsOf(node.left, bindings), this.textsOf(node.right, bindings));
    }
    if (ts.isPropertyAccessExpression(node)) return this.propertyOf(node, bindings);
    if (ts.isElementAccessExpression(node)) return this.literalsIn(node.expression);
    if (!ts.isIdentifier(node)) return new Set();
    const symbol = symbolOf(this.checker, node);
    const bound = symbol && bindings.get(symbol);
    if (bound !== undefined) {
      const given = this.textsOf(bound.expression, bound.within);
      const usual = symbol!.valueDeclaration;
      const isLeftOut = given.size === 0 && usual !== undefined && ts.isParameter(usual) && usual.initializer;
      return isLeftOut ? this.textsOf(isLeftOut, nothing) : given;
    }
    const declaration = symbol?.valueDeclaration;
    if (declaration !== undefined && ts.isBindingElement(declaration)) return this.destructured(declaration);
    const initializer = initializerOf(symbol);
    return initializer === undefined ? new Set() : this.textsOf(initializer, bindings);
  }

  /** `limits.code`, where `limits` is an object literal that a caller has passed. */
  private propertyOf(node: ts.PropertyAccessExpression, bindings: Bindings): Set<string> {
    let object: ts.Expression | undefined = node.expression;
    let within = bindings;
    while (object !== undefined && ts.isIdentifier(object)) {
      const symbol = symbolOf(this.checker, object);
      const bound = symbol && within.get(symbol);
      object = bound?.expression ?? initializerOf(symbol);
      within = bound?.within ?? within;
    }
    if (object === undefined || !ts.isObjectLiteralExpression(object)) return new Set();
    for (const property of object.properties) {
      if (ts.isPropertyAssignment(property) && property.name.getText() === node.name.text)
        return this.textsOf(property.initializer, within);
    }
    return new Set();
  }

  /** `const [isRight, code] = forms[name]`: any code that is written in `forms`. */
  private destructured(element: ts.BindingElement): Set<string> {
    const declaration = element.parent.parent;
    let from = ts.isVariableDeclaration(declaration) ? declaration.initializer : undefined;
    while (from !== undefined && (ts.isNonNullExpression(from) || ts.isElementAccessExpression(from)))
      from = from.expression;
    return from === undefined ? new Set() : this.literalsIn(from);
  }

  private literalsIn(expression: ts.Expression): Set<string> {
    const found = new Set<string>();
    const collect = (node: ts.Node): void => {
      if (ts.isStringLiteralLike(node) && codeForm.test(node.text)) found.add(node.text);
      ts.forEachChild(node, collect);
    };
    const initializer = initializerOf(symbolOf(this.checker, expression));
    if (initializer !== undefined) collect(initializer);
    return found;
  }
}

const union = (one: Set<string>, other: Set<string>): Set<string> => new Set([...one, ...other]);

/** The symbol behind a name, imports followed. */
function symbolOf(checker: ts.TypeChecker, node: ts.Node): ts.Symbol | undefined {
  return resolved(checker, checker.getSymbolAtLocation(ts.isPropertyAccessExpression(node) ? node.name : node));
}

function resolved(checker: ts.TypeChecker, symbol: ts.Symbol | undefined): ts.Symbol | undefined {
  return symbol !== undefined && symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

function initializerOf(symbol: ts.Symbol | undefined): ts.Expression | undefined {
  const declaration = symbol?.valueDeclaration;
  return declaration !== undefined && ts.isVariableDeclaration(declaration) ? declaration.initializer : undefined;
}

function functionOf(checker: ts.TypeChecker, given: ts.Symbol | undefined): Functional | undefined {
  const symbol = resolved(checker, given);
  const declaration = symbol?.valueDeclaration;
  if (declaration === undefined) return undefined;
  if (ts.isFunctionDeclaration(declaration) || ts.isMethodDeclaration(declaration)) return declaration;
  const initializer = initializerOf(symbol);
  if (initializer === undefined) return undefined;
  if (ts.isArrowFunction(initializer) || ts.isFunctionExpression(initializer)) return initializer;
  return ts.isIdentifier(initializer) ? functionOf(checker, symbolOf(checker, initializer)) : undefined;
}

function isCallee(node: ts.Identifier): boolean {
  return ts.isCallExpression(node.parent) && node.parent.expression === node;
}

/** Whether a function is not part of another one. */
function isTopLevel(node: ts.Node): boolean {
  for (let outer = node.parent as ts.Node | undefined; outer !== undefined; outer = outer.parent)
    if (ts.isFunctionLike(outer)) return false;
  return true;
}
