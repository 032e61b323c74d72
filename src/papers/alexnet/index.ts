export { AlexNet, type AlexNetOptions, type AlexNetPreset } from './model.js';
export { type Recipe, type RecipeName, recipes } from './recipe.js';
