import{c as v,d as A,f as h,g as d,h as p,i as n,k as M,m as F,n as x,t as S,v as y,w as m}from"./chunk-VZEDRTUT.js";var b=d(null),C=d(null);async function q(){C.value=await F("/config")}var N=["zakat"],O=()=>document.cookie.includes("csrf-token=");async function H(){try{b.value=O()?await F("/auth/me"):null}catch{b.value=null}}async function R(e){b.value=(await x("/auth/login",e)).user}async function _(e){await x("/auth/register",e),await R({email:e.email,password:e.password})}async function G(){await x("/auth/logout");for(let e of N)S(e,null);b.value=null}function D({name:e,label:t,hint:r,errors:a={},as:o="input",prefix:s,children:c,...i}){let l=h(),u=a[e],g=[r&&`${l}-hint`,u&&`${l}-error`].filter(Boolean).join(" "),$=n`<${o} id=${l} name=${e} aria-invalid=${u?"true":void 0}
    aria-describedby=${g||void 0} ...${i}>${c}</${o}>`;return n`<div class="field">
    <label for=${l}>${t}</label>
    ${s?n`<div class="prefixed"><span aria-hidden="true">${s}</span>${$}</div>`:$}
    ${r&&n`<small id=${`${l}-hint`}>${r}</small>`}
    ${u&&n`<p class="error" id=${`${l}-error`}>${u}</p>`}
  </div>`}var W=({currency:e,...t})=>n`<${D} inputmode="decimal" autocomplete="off" dir="ltr" prefix=${e} ...${t} />`,B=({options:e,value:t,...r})=>n`<${D} as="select" value=${t} ...${r}>
    ${e.map(([a,o])=>n`<option value=${a} selected=${a===t}>${o}</option>`)}
  </${D}>`;function X({label:e,...t}){return n`<label class="check"><input type="checkbox" ...${t} /> <span>${e}</span></label>`}function Y({label:e,name:t,options:r,value:a,onChange:o}){return n`<fieldset class="choice">
    <legend>${e}</legend>
    ${r.map(([s,c])=>n`<label class=${s===a?"chosen":""}>
        <input type="radio" name=${t} value=${s} checked=${s===a} onChange=${()=>o(s)} />
        <span>${c}</span>
      </label>`)}
  </fieldset>`}function ee(e){return e.replace(/[٠-٩]/g,r=>r.charCodeAt(0)-1632).replace(/٫/g,".").replace(/[,٬\s]/g,"")}function I(e){return e instanceof M?e.code==="OFFLINE"?m("error-offline"):e.code==="RATE_LIMITED"?m("error-busy",{seconds:e.retryAfter||60}):e.message||m("error-unexpected"):m("error-unexpected")}function te(e){let t=p(null),r=p(!1);return{submit:async o=>{if(o?.preventDefault(),!r.value){r.value=!0;try{await e(),t.value=null}catch(s){t.value=s}finally{r.value=!1}}},error:t.value,errors:t.value?.fields||{},isSending:r.value}}function re({error:e}){let t=A();if(v(()=>{e&&t.current?.focus()},[e]),!e)return null;let r=Object.entries(e.fields||{}),a=o=>s=>{s.preventDefault(),t.current.closest("form")?.elements.namedItem(o)?.focus()};return n`<div class="summary" role="alert" tabindex="-1" ref=${t}>
    <p><strong>${I(e)}</strong></p>
    ${r.length>0&&n`<ul>
      ${r.map(([o,s])=>n`<li><a href=${`#${o}`} onClick=${a(o)}>${L(t,o)}${s}</a></li>`)}
    </ul>`}
  </div>`}function L(e,t){let a=(document.forms[0]&&[...document.forms].map(o=>o.elements.namedItem(t)).find(Boolean))?.labels?.[0]?.textContent;return a?`${a}: `:""}var ne=({isSending:e,children:t})=>n`<button type="submit" aria-busy=${e?"true":void 0} aria-disabled=${e}>${t}</button>`;var ie=({lines:e=3,height:t})=>n`<div class=${`skeleton ${t||""}`} role="status" aria-label=${m("loading")}>
    ${Array.from({length:e},()=>n`<span></span>`)}
  </div>`,ce=({error:e,onRetry:t})=>n`<div class="summary" role="alert">
    <p><strong>${I(e)}</strong></p>
    ${t&&n`<button type="button" class="secondary" onClick=${t}>${m("try-again")}</button>`}
  </div>`,ue=({title:e,children:t})=>n`<div class="empty"><p><strong>${e}</strong></p><p>${t}</p></div>`;function me({label:e,value:t,text:r}){let a=h();return n`<div class="progress">
    <span id=${a} class="hidden">${e}</span>
    <progress value=${Math.min(t,1)} max="1" aria-labelledby=${a}></progress>
    <small>${r}</small>
  </div>`}var f=d([]),U=6e3;function de(e){let t={text:e};f.value=[...f.value,t],setTimeout(()=>f.value=f.value.filter(r=>r!==t),U)}var fe=()=>n`<div class="toasts" role="status" aria-live="polite">${f.value.map(({text:e})=>n`<p>${e}</p>`)}</div>`;var he=({title:e,level:t=2,children:r,footer:a,...o})=>n`<article ...${o}>
    ${e&&n`<${`h${t}`}>${e}</${`h${t}`}>`}
    ${r}
    ${a&&n`<footer>${a}</footer>`}
  </article>`,xe=({items:e})=>n`<dl class="figures">
    ${e.map(([t,r])=>n`<div><dt>${t}</dt><dd>${r}</dd></div>`)}
  </dl>`;function we({label:e,parts:t,first:r=1}){let a=t.reduce((c,i)=>c+i.value,0)||1,o=0,s=t.map((c,i)=>{let l=c.value/a*100,u=n`<rect class=${`series-${i+r}`} x=${o} y="0" width=${l} height="8" />`;return o+=l,u});return n`<figure class="chart">
    <svg viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label=${e}>${s}</svg>
    <figcaption>
      ${t.map((c,i)=>n`<span class="key"><svg viewBox="0 0 8 8" aria-hidden="true"><rect class=${`series-${i+r}`} width="8" height="8" /></svg>${c.name} <strong>${c.text}</strong></span>`)}
    </figcaption>
  </figure>`}function Fe({label:e,value:t,mark:r}){return n`<svg class="marked-bar" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label=${e}>
    <rect class="track" x="0" y="2" width="100" height="6" />
    <rect class="series-1" x="0" y="2" width=${Math.max(0,Math.min(t,1))*100} height="6" />
    <rect class="mark" x=${Math.max(0,Math.min(r,1))*99.4} y="0" width="0.6" height="10" />
  </svg>`}function Ce({label:e,names:t,points:r}){let a=i=>i.reduce((l,u)=>l+u.value,0),o=Math.max(...r.map(i=>a(i.parts)),0)||1,s=100/r.length,c=({name:i,parts:l},u)=>{let g=40;return l.map($=>{let k=$.value/o*38;return g-=k,n`<rect class=${T(t.indexOf($.name))} x=${u*s+s*.15} y=${g} width=${s*.7} height=${k}><title>${i}: ${$.name} ${$.text}</title></rect>`})};return n`<figure class="chart">
    <svg class="tall" viewBox="0 0 100 40" preserveAspectRatio="none" role="img" aria-label=${e}>${r.map(c)}</svg>
    <div class="ends"><span>${r[0]?.name}</span><span>${r.at(-1)?.name}</span></div>
    <figcaption>${t.map((i,l)=>n`<span class="key"><svg viewBox="0 0 8 8" aria-hidden="true"><rect class=${T(l)} width="8" height="8" /></svg><bdi>${i}</bdi></span>`)}</figcaption>
  </figure>`}var T=e=>`series-${Math.min(Math.max(e,0)+1,4)}`;function De({label:e,points:t}){let r=t.map(l=>l.value),[a,o]=[Math.min(...r),Math.max(...r)],s=l=>t.length>1?l/(t.length-1)*100:50,c=l=>37-(l-a)/(o-a||1)*34,i=t.map((l,u)=>`${s(u)},${c(l.value)}`).join(" ");return n`<figure class="chart">
    <svg class="tall" viewBox="0 0 100 40" preserveAspectRatio="none" role="img" aria-label=${e}>
      <polyline class="line" points=${i} />
    </svg>
    <figcaption class="ends">
      <span>${t[0]?.name} <strong>${t[0]?.text}</strong></span>
      <span>${t.at(-1)?.name} <strong>${t.at(-1)?.text}</strong></span>
    </figcaption>
  </figure>`}var w=(e="")=>`${y.value}-u-nu-latn${e}`;function Ae(e,t){let r=new Intl.NumberFormat(w(),{style:"currency",currency:t}).format(e);return y.value==="ar"?`\u2066${r.replace(/[\u200e\u200f\u061c]/g,"")}\u2069`:r}var j=(e,t)=>new Intl.NumberFormat(w(),t).format(e),Me=(e,t=0)=>j(e,{style:"percent",maximumFractionDigits:t});function Se(e,t={dateStyle:"medium"}){let r=e.length===10;return new Intl.DateTimeFormat(w("-ca-gregory"),r?{timeZone:"UTC",...t}:t).format(new Date(e))}var Be=e=>new Intl.DateTimeFormat(w("-ca-islamic-umalqura"),{day:"numeric",month:"long",year:"numeric",timeZone:"UTC"}).format(new Date(e)),E=e=>new Intl.DisplayNames([y.value],{type:"currency"}).of(e);var Te=e=>new Intl.DateTimeFormat("en-CA",{timeZone:e}).format(new Date);var je=e=>n`<${B} name="currency" label=${m("currency")} options=${C.value.currencies.map(t=>[t,`${t} \xB7 ${E(t)}`])} ...${e} />`;function Ze(e,t=[]){let r=p(null),a=p(null),o=p(!0),s=p(0);return v(()=>{let c=new AbortController;return o.value=!0,e(c.signal).then(i=>{c.signal.aborted||([r.value,a.value,o.value]=[i,null,!1])},i=>{c.signal.aborted||([a.value,o.value]=[i,!1])}),()=>c.abort()},[...t,s.value]),{value:r.value,error:a.value,isLoading:o.value,reload:()=>s.value++}}export{b as a,C as b,q as c,H as d,R as e,_ as f,G as g,de as h,fe as i,D as j,W as k,B as l,X as m,Y as n,ee as o,I as p,te as q,re as r,ne as s,ie as t,ce as u,ue as v,me as w,he as x,xe as y,we as z,Fe as A,Ce as B,De as C,Ae as D,j as E,Me as F,Se as G,Be as H,Te as I,je as J,Ze as K};
